import { sql } from 'kysely'
import type { Db } from './db.ts'

/** An event as it stands in the outbox, whole. */
export type ToldEvent = Readonly<{
  id: number
  workspaceId: string
  position: number | null
  type: string
  subject: string
  data: Readonly<Record<string, unknown>>
  createdAt: string
}>
export type PlacedToldEvent = ToldEvent & Readonly<{ position: number }>

const columns = sql.raw('id, workspace_id, position, type, subject, data, created_at')

/**
 * What happened after a position, in order, whole: of all workspaces, or of the transaction's.
 * @param upTo the last position to be looked at; the newest without it
 */
export async function placedWhole(
  db: Db,
  { after, upTo, limit }: { after: number; upTo?: number | undefined; limit: number },
): Promise<PlacedToldEvent[]> {
  const { rows } = await sql<PlacedToldEvent>`
    select ${columns} from outbox where position > ${after} and position <= ${upTo ?? Number.MAX_SAFE_INTEGER} order by position limit ${limit}`.execute(
    db,
  )
  return rows
}

/** Events by their ids in the outbox; those that are gone are missing. */
export async function eventsWhole(db: Db, ids: readonly number[]): Promise<Map<number, ToldEvent>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<ToldEvent>`select ${columns} from outbox where id = any(${ids}::bigint[])`.execute(db)
  return new Map(rows.map((event) => [event.id, event]))
}

/** Clocks of several instances may differ, so the order of positions is that of times only roughly. Milliseconds. */
const skewMs = 3_600_000

/**
 * A position before all that happened from a time on: found by halving, as positions grow with time.
 * @param from RFC 3339
 */
export async function positionBefore(db: Db, from: string, head: number): Promise<number> {
  const early = new Date(Date.parse(from) - skewMs).toISOString()
  let [low, high] = [0, head]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const { rows } = await sql<{
      createdAt: string
    }>`select created_at from outbox where position > ${middle} order by position limit 1`.execute(db)
    if (rows[0] && rows[0].createdAt < early) low = middle + 1
    else high = middle
  }
  return low
}

/** What is committed and has no position yet: the newest of them by id, at most `upTo`; null when there is none. */
export async function newestUnplaced(db: Db, upTo = Number.MAX_SAFE_INTEGER): Promise<number | null> {
  const { rows } = await sql<{ id: number | null }>`select max(id) as id from outbox where position is null and id <= ${upTo}`.execute(db)
  return rows[0]?.id ?? null
}

/** How many events there are after a position, up to another; of the transaction's workspace. */
export async function countPlaced(db: Db, after: number, upTo: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from outbox where position > ${after} and position <= ${upTo}`.execute(db)
  return rows[0]!.count
}
