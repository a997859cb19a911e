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

/** So long figures are good for another look, milliseconds. */
const keptMs = 5_000

/** One statement at most every few seconds, however often they are asked for; queues with nothing in them are told as such. */
export function createFigures(query: Sql, names: () => string[]): () => Promise<readonly QueueFigures[]> {
  let taken: Promise<readonly QueueFigures[]> | undefined
  let takenAt = 0
  const take = async () => {
    const found = new Map((await query<QueueFigures>(figuresSql, [names()])).map((one) => [one.queue, one]))
    return names().map((queue) => found.get(queue) ?? { queue, waiting: 0, deferred: 0, retrying: 0, active: 0, oldestSeconds: 0 })
  }
  return () => {
    if (taken && performance.now() - takenAt < keptMs) return taken
    takenAt = performance.now()
    const now = take()
    now.catch(() => {
      taken = undefined
    })
    taken = now
    return now
  }
}
