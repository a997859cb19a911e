import { LRUCache } from 'lru-cache'
import { atMost } from '../at-most.ts'
import type { Db } from '../db.ts'
import type { FeedEvent } from '../events.ts'
import type { Feed } from './feed.ts'

/** When answers of the database may be kept in memory. */
export type Keeping = Readonly<{
  /** Ask the database; keep the answer unless something was forgotten since it was asked for. */
  ask<T>(query: () => Promise<T>, keep: (answer: T) => void): Promise<T>
  /** Before looking at what is kept: it holds while the feed is current, and while the database is away. */
  refresh(): Promise<void>
}>

/**
 * What an instance remembers of the database, it remembers until the feed tells of a change.
 * @param concerns whether an event makes anything kept here wrong
 * @param forget takes the events that do; undefined when everything may be wrong
 */
export function keepByFeed(
  feed: Pick<Feed, 'subscribe' | 'isCurrent' | 'refresh'>,
  concerns: (event: FeedEvent) => boolean,
  forget: (changed: readonly FeedEvent[] | undefined) => void,
): Keeping {
  /** Counts what was forgotten: an answer that was asked for before is not kept after. */
  let generation = 0
  feed.subscribe(({ events, everything }) => {
    const changed = events.filter(concerns)
    if (!everything && changed.length === 0) return
    generation++
    forget(everything ? undefined : changed)
  })
  return {
    async ask(query, keep) {
      const asked = generation
      const answer = await query()
      if (asked === generation) keep(answer)
      return answer
    },
    refresh: feed.refresh,
  }
}

type Bounded<T> = Readonly<{ maxSize: number; sizeCalculation: (value: T) => number }>

/**
 * What is read of a workspace in the transaction of a change, such as rules that hold there, and remembered while the feed
 * is current, so that most changes ask nothing. A change of it counts within a second everywhere, and at once where it was made.
 * @param types the events after which it may be another
 * @param query reads it of the transaction's workspace
 */
export function keepByWorkspace<T extends object>(
  feed: Pick<Feed, 'subscribe' | 'isCurrent' | 'refresh'>,
  types: readonly string[],
  query: (tx: Db) => Promise<T>,
  bounds: Bounded<T> = atMost(10_000),
): (tx: Db, workspaceId: string) => Promise<T> {
  const known = new LRUCache<string, T>(bounds)
  const keeping = keepByFeed(
    feed,
    ({ type }) => types.includes(type),
    (changed) => {
      if (changed) for (const { workspaceId } of changed) known.delete(workspaceId)
      else known.clear()
    },
  )
  return async (tx, workspaceId) =>
    (feed.isCurrent() ? known.get(workspaceId) : undefined) ??
    keeping.ask(
      () => query(tx),
      (answer) => known.set(workspaceId, answer),
    )
}
