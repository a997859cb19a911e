import type { Sql } from './attempts.ts'
import { figuresSql } from './statements.ts'

/** How one queue stands. `oldestSeconds`: how long the first of those that wait is due. */
export type QueueFigures = Readonly<{
  queue: string
  waiting: number
  deferred: number
  retrying: number
  active: number
  oldestSeconds: number
}>

/** So long figures are good for another look, milliseconds; and so many times as long as it took to count them, where queues are very long. */
const [keptMs, keptTimes] = [5_000, 20]

/** One statement at most every few seconds, however often they are asked for; queues with nothing in them are told as such. */
export function createFigures(query: Sql, names: () => string[]): () => Promise<readonly QueueFigures[]> {
  let taken: Promise<readonly QueueFigures[]> | undefined
  let until = 0
  const take = async () => {
    const began = performance.now()
    const found = new Map((await query<QueueFigures>(figuresSql, [names()])).map((one) => [one.queue, one]))
    until = performance.now() + Math.max(keptMs, keptTimes * (performance.now() - began))
    return names().map((queue) => found.get(queue) ?? { queue, waiting: 0, deferred: 0, retrying: 0, active: 0, oldestSeconds: 0 })
  }
  return () => {
    if (taken && performance.now() < until) return taken
    until = Number.POSITIVE_INFINITY
    const now = take()
    now.catch(() => {
      taken = undefined
    })
    taken = now
    return now
  }
}
