import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../db.ts'
import { fitsType, type LoggedEvent } from '../events.ts'
import '../outbox.ts'

/** Which events: all conditions that are given. */
export type LogFilter = Readonly<{
  /** Exact types, or beginnings with `.*` behind them; any of them. */
  types?: readonly string[] | undefined
  subject?: string | undefined
  /** Not before this time. */
  since?: string | undefined
}>

export type LogRange = Readonly<{
  /** Positions above this one. */
  after: number
  /** Positions up to this one; all without it. */
  upTo?: number
  limit: number
  /** Without it: of the workspace of the transaction, or of all where it spans them. */
  workspaceIds?: readonly string[]
}>

const columns = sql`id, position, workspace_id, type, subject, data, actor, request_id, created_at, traceparent, pg_column_size(data) as bytes`

const of = (workspaceIds: readonly string[] | undefined): RawBuilder<unknown> =>
  workspaceIds ? sql`workspace_id = any(${workspaceIds}::uuid[])` : sql`true`

/** Placed events in order. Within a range everything is told: positions have no gaps, and are given after the commit. */
export async function logged(
  db: Db,
  { after, upTo = Number.MAX_SAFE_INTEGER, limit, workspaceIds }: LogRange,
  filter: LogFilter = {},
): Promise<LoggedEvent[]> {
  const { rows } = await sql<LoggedEvent>`select ${columns} from outbox
    where ${of(workspaceIds)} and position > ${after} and position <= ${upTo} and ${conditionOf(filter)} order by position limit ${limit}`.execute(
    db,
  )
  return rows
}

function conditionOf({ types, subject, since }: LogFilter): RawBuilder<unknown> {
  const conditions: RawBuilder<unknown>[] = []
  if (types) {
    const beginnings = types.filter((type) => type.endsWith('.*')).map((type) => sql`starts_with(type, ${type.slice(0, -1)})`)
    conditions.push(sql`(${sql.join([sql`type = any(${types}::text[])`, ...beginnings], sql` or `)})`)
  }
  if (subject !== undefined) conditions.push(sql`subject = ${subject}`)
  if (since !== undefined) conditions.push(sql`created_at >= ${since}::timestamptz`)
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `)
}

/** The same for one event that is at hand. */
export const fits = (
  { type, subject, createdAt }: Pick<LoggedEvent, 'type' | 'subject' | 'createdAt'>,
  { types, subject: wanted, since }: LogFilter,
): boolean =>
  (types === undefined || fitsType(types, type)) &&
  (wanted === undefined || subject === wanted) &&
  (since === undefined || Date.parse(createdAt) >= Date.parse(since))

/** Events by their ids, wherever they stand; those that are gone are missing. */
export async function loggedByIds(db: Db, ids: readonly number[]): Promise<Map<number, LoggedEvent>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<LoggedEvent>`select ${columns} from outbox where id = any(${ids}::bigint[])`.execute(db)
  return new Map(rows.map((event) => [event.id, event]))
}

/** How many events of the transaction's workspace there are after a position, up to another. */
export async function countPlaced(db: Db, after: number, upTo: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from outbox where position > ${after} and position <= ${upTo}`.execute(db)
  return rows[0]!.count
}

/** What is committed and has no position yet: the newest of them by id, at most `upTo`; null when there is none. */
export async function newestUnplaced(db: Db, upTo = Number.MAX_SAFE_INTEGER): Promise<number | null> {
  const { rows } = await sql<{ id: number | null }>`select max(id) as id from outbox where position is null and id <= ${upTo}`.execute(db)
  return rows[0]?.id ?? null
}

/** The position of the last of the next `count` events of the workspace; undefined when there are fewer. */
export async function positionAhead(db: Db, after: number, count: number): Promise<number | undefined> {
  const { rows } = await sql<{ position: number }>`
    select position from outbox where position > ${after} order by position offset ${count - 1} limit 1`.execute(db)
  return rows[0]?.position
}

/** The event of the workspace at a position, if there is one. */
export async function loggedAt(
  db: Db,
  position: number,
): Promise<Pick<LoggedEvent, 'id' | 'position' | 'workspaceId' | 'createdAt'> | undefined> {
  const { rows } = await sql<LoggedEvent>`select id, position, workspace_id, created_at from outbox where position = ${position}`.execute(
    db,
  )
  return rows[0]
}

/** Transactions that took long tell late what happened early: events may stand so much behind their time. Milliseconds. */
const disorderMs = 10 * 60_000
/** Positions that are cheaper to read than to halve. */
const nearEnough = 500

/** A position before all events of the workspace that happened at a time or later, and not far before. @param after where to begin to look */
export async function positionBefore(db: Db, time: string, after: number, head: number): Promise<number> {
  const wanted = Date.parse(time) - disorderMs
  let [low, high] = [after, head]
  while (high - low > nearEnough) {
    const middle = Math.floor((low + high) / 2)
    const { rows } = await sql<{ position: number; createdAt: string }>`
      select position, created_at from outbox where position > ${middle} order by position limit 1`.execute(db)
    const next = rows[0]
    if (next && Date.parse(next.createdAt) < wanted) low = next.position
    else high = middle
  }
  return low
}

export type Counted = Readonly<{ type: string; count: number; oldest: string; newest: string }>
/** What is counted: not these types; and of what names categories (`data.category`, also of `previous`) only what names none but these. */
export type Countable = Readonly<{
  hidden: readonly string[]
  within: Readonly<{ categories: readonly string[]; promptless: readonly string[] }> | undefined
}>

/** How often each type was told in the workspace after a position, with the first and the last time. */
export async function countLogged(db: Db, after: number, { hidden, within }: Countable): Promise<Counted[]> {
  const named = (value: RawBuilder<unknown>) =>
    sql`coalesce(${value} in (select to_jsonb(c) from unnest(${within?.categories}::text[]) c), true)`
  const isText = (value: RawBuilder<unknown>) => sql`case when jsonb_typeof(${value}) = 'string' then ${value} end`
  const [now, before] = [isText(sql`data->'category'`), isText(sql`data->'previous'->'category'`)]
  const seen = within
    ? sql`(type = any(${within.promptless}::text[]) or (${named(now)} and ${named(before)}
        and (coalesce(${now}, ${before}) is not null or starts_with(type, 'custom.'))))`
    : sql`true`
  const { rows } = await sql<Counted>`select type, count(*)::int as count, min(created_at) as oldest, max(created_at) as newest
    from outbox where position > ${after} and type <> all(${hidden}::text[]) and ${seen} group by type order by type`.execute(db)
  return rows
}

/** Remove events. @returns how many there were */
export async function removeLogged(db: Db, ids: readonly number[]): Promise<number> {
  if (ids.length === 0) return 0
  const { numAffectedRows = 0n } = await sql`delete from outbox where id = any(${ids}::bigint[])`.execute(db)
  return Number(numAffectedRows)
}

/** The event that this transaction told last. */
export async function lastTold(tx: Db): Promise<Pick<LoggedEvent, 'id' | 'workspaceId' | 'createdAt'>> {
  const { rows } = await sql<LoggedEvent>`select id, workspace_id, created_at from outbox
    where position is null and xid = pg_current_xact_id() order by id desc limit 1`.execute(tx)
  return rows[0]!
}
