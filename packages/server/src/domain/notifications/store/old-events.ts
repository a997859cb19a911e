import type { Db } from '../../../core/db.ts'
import type { LoggedEvent } from '../../../core/events.ts'
import { logged, removeLogged } from '../../../core/feed/log.ts'
import { feedHead } from '../../../core/outbox.ts'
import { beginLogAfter } from './log-start.ts'

/** Events in one transaction. */
const batch = 500

/** What must be asked before an event goes. */
export type Keeping = Readonly<{
  /** How far each of those who follow the feed has read: what comes after is kept. */
  readers: readonly ((db: Db) => Promise<number>)[]
  /** Which of these events somebody still waits for, such as a delivery. They stay, beyond the log's beginning, until the next time. */
  held(db: Db, events: readonly LoggedEvent[]): Promise<ReadonlySet<number>>
}>

type Batch = Readonly<{ removed: number; after: number; more: boolean }>

/** One batch of events before a time, from a position on. Events go in their order, so that the log has a beginning and no holes. */
async function removeBatch(tx: Db, after: number, before: string, keeping: Keeping, now: string): Promise<Batch> {
  let upTo = await feedHead(tx)
  for (const positionOf of keeping.readers) upTo = Math.min(upTo, await positionOf(tx))
  const events = await logged(tx, { after, upTo, limit: batch })
  const firstKept = events.findIndex(({ createdAt }) => createdAt >= before)
  const old = firstKept < 0 ? events : events.slice(0, firstKept)
  const held = old.length === 0 ? new Set<number>() : await keeping.held(tx, old)
  for (const [workspaceId, own] of Map.groupBy(old, (event) => event.workspaceId))
    await beginLogAfter(tx, workspaceId, own.at(-1)!.position, now)
  const removed = await removeLogged(
    tx,
    old.filter(({ id }) => !held.has(id)).map(({ id }) => id),
  )
  return { removed, after: old.at(-1)?.position ?? after, more: firstKept < 0 && events.length === batch }
}

/**
 * Remove events that are older than so many days, in transactions of 500.
 * @param by.within one transaction: of a workspace, or across all of them
 * @returns how many went
 */
export async function removeOldEvents(
  days: number,
  { within, keeping, now }: { within: <T>(work: (tx: Db) => Promise<T>) => Promise<T>; keeping: Keeping; now: () => string },
): Promise<number> {
  const at = now()
  const before = new Date(Date.parse(at) - days * 24 * 3_600_000).toISOString()
  let removed = 0
  for (let last: Batch | undefined; last?.more !== false; removed += last.removed)
    last = await within((tx) => removeBatch(tx, last?.after ?? 0, before, keeping, at))
  return removed
}
