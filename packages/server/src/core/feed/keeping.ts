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
  feed: Pick<Feed, 'subscribe' | 'isCurrent' | 'isAway' | 'confirm'>,
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
    async refresh() {
      if (!feed.isCurrent() && !feed.isAway()) await feed.confirm().catch(() => undefined)
    },
  }
}
