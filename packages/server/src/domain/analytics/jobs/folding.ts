import { createLoop } from '../../../core/loop.ts'
import type { AcrossWorkspaces } from '../../../core/runtime.ts'
import { foldPass, newestTransaction, type TellExperiments } from './fold.ts'

export type Folding = Readonly<{
  /** There is something to count. */
  wake(): void
  /** Count all that was committed before this call. */
  settle(): Promise<void>
  start(): void
  stop(): Promise<void>
}>

/**
 * Between two passes, and while another instance counts or a transaction holds the horizon back, milliseconds. Behind a
 * flood the counting takes half of the time, so that those who tell come first; reads add what is not counted.
 */
const everyMs = 1_000

/**
 * Count in the background what was measured: one instance of the cluster at a time, and each one that took events sees to
 * it that they are counted. Where nothing is measured, nothing is asked.
 */
export function createFolding(system: AcrossWorkspaces, failed: (error: Error) => void, tell?: TellExperiments): Folding {
  /** The transaction before which all must be counted, as far as this instance knows. */
  let owed = 0n
  let wanted = true // what an instance that has died left
  const pass = async () => {
    const startedAt = performance.now()
    if (wanted) {
      wanted = false
      owed = await system(newestTransaction, 'read')
    }
    const folded = await system((db) => foldPass(db, undefined, tell), 'write')
    const behind = folded === undefined || folded.horizon < owed
    const recounting = folded?.recounting === true
    return { more: behind || wanted || recounting, restMs: folded?.more || recounting ? performance.now() - startedAt : everyMs }
  }
  const loop = createLoop(pass, failed)
  return {
    wake() {
      wanted = true
      loop.wake()
    },
    async settle() {
      const goal = await system(newestTransaction, 'read')
      for (;;) {
        const folded = await system((db) => foldPass(db, undefined, tell), 'write')
        if (folded && folded.horizon >= goal) return
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    start() {
      loop.start()
      loop.wake()
    },
    stop: () => loop.stop(),
  }
}
