import { createLoop } from '../../../core/loop.ts'
import type { AcrossWorkspaces } from '../../../core/runtime.ts'
import { countPass, newestTransaction } from './count.ts'

export type Counting = Readonly<{
  /** There is something to count: outcomes or exposures. */
  wake(): void
  /** Count all that was committed before this call. */
  settle(): Promise<void>
  start(): void
  stop(): Promise<void>
}>

/** Between two passes, and while another instance counts or a transaction holds the horizon back, milliseconds. */
const everyMs = 1_000

/**
 * Count outcomes in the background: one instance of the cluster at a time, and each one that took some sees to it that they
 * are counted. Where there are none, nothing is asked.
 */
export function createCounting(system: AcrossWorkspaces, failed: (error: Error) => void): Counting {
  /** The transaction before which all must be counted, as far as this instance knows. */
  let owed = 0n
  let wanted = true // what an instance that has died left
  const pass = async () => {
    const startedAt = performance.now()
    if (wanted) {
      wanted = false
      owed = await system(newestTransaction, 'read')
    }
    const counted = await system(countPass, 'write')
    const behind = counted === undefined || counted.horizon < owed
    return { more: behind || wanted, restMs: counted?.more ? performance.now() - startedAt : everyMs }
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
        const counted = await system(countPass, 'write')
        if (counted && counted.horizon >= goal) return
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
