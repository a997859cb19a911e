import { LRUCache } from 'lru-cache'
import { atMost } from '../../core/at-most.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import { addExposures, type Exposure } from './store/exposures.ts'

/** Notes who was served what, in the background: once for each unit and phase. Callers wait for nothing. */
export type Exposures = Readonly<{
  note(exposure: Omit<Exposure, 'at'>): void
  /** Whether an exposure was noted and is not written yet. */
  isWaiting(exposure: Pick<Exposure, 'testId' | 'phase' | 'unitHash'>): boolean
  /** Write what was noted. @throws when it cannot be written just now; it is tried again with the next */
  flush(): Promise<void>
  stop(): Promise<void>
}>

/** Exposures of one write; those that may wait while none can be written; those that are remembered as noted. */
const [together, mostWaiting, mostRemembered] = [2_000, 100_000, 500_000]
/** Milliseconds that exposures wait for company, and until a write that failed is tried again. */
const [gatherMs, againMs] = [200, 2_000]

/** @param log told when exposures cannot be kept: what finds no room is noted when its unit comes again */
export function createExposures(
  system: AcrossWorkspaces,
  clock: () => string,
  log: (message: string, details?: object) => void,
  written: () => void = () => undefined,
): Exposures {
  const remembered = new LRUCache<string, true>(atMost(mostRemembered))
  const waiting = new Map<string, Exposure>()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let isFull = false

  const write = async () => {
    while (waiting.size > 0) {
      const batch = firstOf(waiting, together)
      await system(
        (db) =>
          addExposures(
            db,
            batch.map(([, exposure]) => exposure),
          ),
        'write',
      )
      for (const [key] of batch) waiting.delete(key)
      isFull = false
      written()
    }
  }
  const flush = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    if (running) await running.catch(() => undefined) // what came after it began may not be in it
    running ??= write().finally(() => {
      running = undefined
    })
    return running
  }
  const later = (ms: number) => {
    timer ??= setTimeout(() => {
      timer = undefined
      flush().catch((error) => {
        log('exposures cannot be written just now', { err: error, waiting: waiting.size })
        later(againMs)
      })
    }, ms).unref()
  }

  return {
    isWaiting: (exposure) => waiting.has(keyOf(exposure)),
    note(exposure) {
      const key = keyOf(exposure)
      if (remembered.has(key)) return
      if (waiting.size >= mostWaiting) {
        if (!isFull) log('too many exposures wait to be written: more are not noted for now', { waiting: waiting.size })
        isFull = true
        return
      }
      remembered.set(key, true)
      waiting.set(key, { ...exposure, at: clock() })
      later(gatherMs)
    },
    flush,
    async stop() {
      await flush().catch((error) => log('exposures were not written before the end', { err: error, waiting: waiting.size }))
      clearTimeout(timer)
    },
  }
}

const keyOf = ({ testId, phase, unitHash }: Pick<Exposure, 'testId' | 'phase' | 'unitHash'>): string => `${testId} ${phase} ${unitHash}`

/** The oldest entries of a map, at most so many. */
function firstOf<K, V>(map: ReadonlyMap<K, V>, most: number): [K, V][] {
  const found: [K, V][] = []
  for (const entry of map) {
    if (found.length === most) break
    found.push(entry)
  }
  return found
}
