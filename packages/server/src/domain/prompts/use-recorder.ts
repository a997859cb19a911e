import { LRUCache } from 'lru-cache'
import { atMost } from '../../core/at-most.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import { noteServed, type UsedPrompt } from './store/use-store.ts'

/** An answer that is at hand, with the hour in which its use was noted last. */
export type Usable = { readonly pointer: { readonly parts: ReadonlyMap<string, { entry: { promptId: string } }> }; notedIn: number }

/** Notes which prompts are served, an included one too, to the hour. Callers pay the comparison of two numbers. */
export type UseRecorder = Readonly<{
  used(workspaceId: string, served: Usable): void
  /** Write what was noted; what cannot be written now is written with the next. */
  flush(): Promise<void>
  start(): void
  stop(): Promise<void>
}>

const hourMs = 3_600_000
const flushMs = 60_000
const batchSize = 1_000
/** Prompts that wait to be written, and those that are remembered as noted in this hour, at most. What is beyond is noted with a later use. */
const [mostPending, mostRemembered] = [200_000, 100_000]

/** @param parts.system writes across workspaces; `isAway` says whether the database cannot be reached */
export function createUseRecorder(parts: { system: AcrossWorkspaces; clock: () => string; isAway: () => boolean }): UseRecorder {
  const { system, clock, isAway } = parts
  const remembered = new LRUCache<string, true>(atMost(mostRemembered))
  const pending = new Map<string, UsedPrompt>()
  let hour = 1
  let hourBegan = performance.now()
  let timer: NodeJS.Timeout | undefined

  const note = (workspaceId: string, promptId: string) => {
    const key = `${workspaceId} ${promptId}`
    if (remembered.has(key) || pending.size >= mostPending) return
    remembered.set(key, true)
    pending.set(key, { workspaceId, promptId })
  }
  const turnHour = () => {
    if (performance.now() - hourBegan < hourMs) return
    hourBegan = performance.now()
    hour++
    remembered.clear()
  }
  const flush = async () => {
    // In the order of their keys, so that instances that write the same do not wait for each other in a circle.
    const due = isAway() ? [] : [...pending].sort(([a], [b]) => (a < b ? -1 : 1))
    for (let from = 0; from < due.length; from += batchSize) {
      const batch = due.slice(from, from + batchSize)
      const used = batch.map(([, one]) => one)
      await system((db) => noteServed(db, used, clock()), 'write')
      for (const [key] of batch) pending.delete(key)
    }
    turnHour()
  }

  return {
    used(workspaceId, served) {
      if (served.notedIn === hour) return
      served.notedIn = hour
      for (const { entry } of served.pointer.parts.values()) note(workspaceId, entry.promptId)
    },
    flush,
    start() {
      timer = setInterval(() => flush().catch(() => undefined), flushMs).unref()
    },
    async stop() {
      clearInterval(timer)
      await flush().catch(() => undefined)
    },
  }
}
