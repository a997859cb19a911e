import { AppError } from '../../core/errors.ts'
import { Overloaded } from '../../core/problem.ts'

/** What became of one item: stored, told before, or not storable at all. */
export type Outcome = 'stored' | 'duplicate' | 'unstorable'

export type Collector<T> = Readonly<{
  /** @returns after the commit, in the order of the items. @throws Overloaded (503), or what the write throws */
  add(items: readonly T[], bytes: number): Promise<Outcome[]>
  /** After all that waits has been written. */
  stop(): Promise<void>
}>

type Waiting<T> = Readonly<{ items: readonly T[]; done(outcomes: Outcome[]): void; failed(error: unknown): void }>

/**
 * Group commit: what comes while a write is under way is written together by the next one, and nobody waits for company.
 * @param write stores all or nothing of some items; throws AppError when it cannot just now, anything else when one of them cannot be stored
 * @param limits items of a write, writes at a time and how many items make a further one worth it, and what may wait before callers are told to come again
 */
export function createCollector<T>(
  write: (items: readonly T[]) => Promise<Outcome[]>,
  limits: Readonly<{ together: number; writes: number; worthAnother: number; waiting: number; bytes: number }>,
): Collector<T> {
  const waiting: Waiting<T>[] = []
  const held = { items: 0, bytes: 0 }
  const running = new Set<Promise<void>>()

  const next = (): Waiting<T>[] => {
    let together = 0
    let submissions = 0
    for (const { items } of waiting) {
      if (submissions > 0 && together + items.length > limits.together) break
      together += items.length
      submissions++
    }
    return waiting.splice(0, submissions)
  }
  const flush = async () => {
    await new Promise(setImmediate) // what this turn of the loop still brings
    while (waiting.length > 0) await settle(next(), write)
  }
  /** One write at a time gathers the most; a second one only where so much waits that it is worth a write of its own. */
  const start = () => {
    const queued = waiting.reduce((sum, { items }) => sum + items.length, 0)
    if (running.size > 0 && (running.size >= limits.writes || queued < limits.worthAnother)) return
    const flushing = flush().finally(() => running.delete(flushing))
    running.add(flushing)
  }

  return {
    add(items, bytes) {
      if (items.length === 0) return Promise.resolve([])
      if (held.items + items.length > limits.waiting || held.bytes + bytes > limits.bytes) return Promise.reject(tooMuch())
      held.items += items.length
      held.bytes += bytes
      return new Promise((done, failed) => {
        const release = () => {
          held.items -= items.length
          held.bytes -= bytes
        }
        waiting.push({
          items,
          done: (outcomes) => {
            release()
            done(outcomes)
          },
          failed: (error) => {
            release()
            failed(error)
          },
        })
        start()
      })
    },
    async stop() {
      await Promise.all(running)
    },
  }
}

const tooMuch = () =>
  new AppError(Overloaded, 'More events are waiting to be stored than fit. None of these was taken; send them again in a moment.', {
    headers: { 'Retry-After': '1' },
  })

async function settle<T>(group: readonly Waiting<T>[], write: (items: readonly T[]) => Promise<Outcome[]>): Promise<void> {
  const items = group.flatMap((one) => one.items)
  try {
    const outcomes = await written(items, write)
    let at = 0
    for (const one of group) {
      one.done(outcomes.slice(at, at + one.items.length))
      at += one.items.length
    }
  } catch (error) {
    for (const { failed } of group) failed(error)
  }
}

/** Where one item spoils a write, halves are tried, so that it does not take its neighbours with it. */
async function written<T>(items: readonly T[], write: (items: readonly T[]) => Promise<Outcome[]>): Promise<Outcome[]> {
  try {
    return await write(items)
  } catch (error) {
    if (error instanceof AppError) throw error
    if (items.length === 1) return ['unstorable']
    const half = items.length >> 1
    return [...(await written(items.slice(0, half), write)), ...(await written(items.slice(half), write))]
  }
}
