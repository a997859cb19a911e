import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { dayMs, defaultRetentionDays } from '../model/measurement.ts'
import { mostSeriesPerHour, type Placed, spread, startCounting, startOf } from '../model/rollup.ts'
import { emptyTally, mergeStored, type StoredTally } from '../model/tally.ts'
import { seriesIn } from '../store/admission.ts'
import { numbers } from '../store/arrays.ts'
import { pieces } from '../store/cursor.ts'
import { countRaw, piecesOfDay } from '../store/raw-rows.ts'
import { putRollups, tallyColumns } from '../store/rollups.ts'
import { addUsers } from '../store/users.ts'

const at = (ms: number) => sql`to_timestamp(${ms}::bigint / 1000.0)`
const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
/** The month after, of the first day of one. */
const nextMonth = (ms: number): number => startOf('month', ms + 32 * dayMs)

/** The days that have raw rows, as milliseconds since 1970. @param db across workspaces */
export async function openedDays(db: Db): Promise<number[]> {
  const { rows } = await sql<{ day: string }>`select day::text from usage_day order by day`.execute(db)
  return rows.map(({ day }) => Date.parse(`${day}T00:00:00Z`))
}

/**
 * Count the raw rows of some days again and write the rollups of these days and of their months anew. What was told apart
 * before is told apart again, so that the same rows give the same rollups, to the bit. Workspaces whose raw rows of a day
 * may be gone keep what they have of it. The caller holds the lock of the fold.
 * @param db across workspaces
 * @param horizon rows of this transaction and later ones are the fold's
 */
export async function countAgain(
  db: Db,
  days: readonly number[],
  horizon: string,
  now: number,
  most: number = mostSeriesPerHour,
): Promise<number> {
  let read = 0
  const months = new Map<number, string[]>()
  for (const day of days) {
    const kept = await keptWorkspaces(db, day, now)
    read += await countDay(db, day, horizon, kept, most)
    months.set(startOf('month', day), [...(months.get(startOf('month', day)) ?? []), ...kept])
  }
  for (const [month, workspaces] of months) await sumMonth(db, month, [...new Set(workspaces)])
  return read
}

/** Workspaces that still have all raw rows of a day. */
async function keptWorkspaces(db: Db, day: number, now: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select u.workspace_id as id from (select distinct workspace_id from usage_series) u left join usage_setting s on s.workspace_id = u.workspace_id
    left join usage_purged p on p.workspace_id = u.workspace_id
    where (p.before is null or ${dateOf(day)}::date >= p.before) and ${dateOf(day)}::date >= ${dateOf(now)}::date - coalesce(s.retention_days, ${defaultRetentionDays})`.execute(
    db,
  )
  return rows.map(({ id }) => id)
}

async function countDay(db: Db, day: number, horizon: string, workspaces: readonly string[], most: number): Promise<number> {
  const within = (column: RawBuilder<unknown>) =>
    sql`${column} >= ${at(day)} and ${column} < ${at(day + dayMs)} and workspace_id = any(${numbers(workspaces)}::uuid[])`
  const counting = startCounting()
  let read = 0
  for (const piece of await piecesOfDay(db, dateOf(day)))
    read += await countRaw(db, sql`${within(sql`occurred_at`)} and xid < ${horizon}::xid8 and ${piece}`, counting.add)
  const hours = counting.hours()
  const series = await seriesIn(db, hours, most)
  await sql`delete from usage_rollup where grain in (0, 1) and ${within(sql`at`)}`.execute(db)
  await putRollups(db, spread(hours, series, ['hour', 'day']))
  // Who had sums of his own has them again: they are counted from nothing, and who has no use left goes.
  await sql`update usage_user set requests = 0, errors = 0, tokens = 0, output_tokens = 0, cost_micros = 0 where ${within(sql`at`)}`.execute(
    db,
  )
  await addUsers(db, counting.users())
  await sql`delete from usage_user where requests = 0 and ${within(sql`at`)}`.execute(db)
  return read
}

async function sumMonth(db: Db, month: number, workspaces: readonly string[]): Promise<void> {
  const own = sql`workspace_id = any(${numbers(workspaces)}::uuid[])`
  const places = new Map<string, Placed>()
  const query = sql`select workspace_id, series, ${sql.raw(tallyColumns)} from usage_rollup
    where grain = 1 and at >= ${at(month)} and at < ${at(nextMonth(month))} and ${own}`
  for await (const piece of pieces<StoredTally & { workspaceId: string; series: number }>(db, query, 1_000))
    for (const { workspaceId, series, ...stored } of piece) {
      const key = `${workspaceId} ${series}`
      const place = places.get(key) ?? { workspaceId, grain: 'month', at: month, series, tally: emptyTally() }
      places.set(key, place)
      mergeStored(place.tally, stored)
    }
  await sql`delete from usage_rollup where grain = 2 and at = ${at(month)} and ${own}`.execute(db)
  await putRollups(db, [...places.values()])
}

/**
 * After an upgrade by which more is counted: count again the newest of the days before one, and note how far that has come.
 * The caller holds the lock of the fold.
 * @param db across workspaces
 * @param before a date, or `infinity`
 * @param horizon rows of this transaction and later ones are the fold's
 * @returns whether there may be more days
 */
export async function countNextAgain(db: Db, before: string, horizon: string, now: number): Promise<boolean> {
  const { rows } = await sql<{ day: string | null }>`select max(day)::text as day from usage_day where day < ${before}::date`.execute(db)
  const { day } = rows[0]!
  if (day !== null) await countAgain(db, [Date.parse(`${day}T00:00:00Z`)], horizon, now)
  await sql`update usage_fold set recount_before = ${day}::date`.execute(db)
  return day !== null
}

/**
 * Count some days again while the service goes on; the fold waits meanwhile.
 * @param db across workspaces
 * @param from,to milliseconds since 1970: every UTC day that this touches, `to` not included
 * @param most series of a workspace and hour that are told apart
 * @returns how many raw rows were counted
 */
export async function rebuild(db: Db, from: number, to: number, now: number, most: number = mostSeriesPerHour): Promise<number> {
  const { rows } = await sql<{ horizon: string }>`select horizon::text from usage_fold for update`.execute(db)
  const days = (await openedDays(db)).filter((day) => day + dayMs > from && day < to)
  return countAgain(db, days, rows[0]!.horizon, now, most)
}
