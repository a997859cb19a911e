import { type RawBuilder, sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { job } from '../../../core/jobs.ts'
import { Strict } from '../../../core/schemas.ts'
import { dayMs, defaultRetentionDays } from '../model/measurement.ts'
import { openDays } from '../store/measurements.ts'

const idsAtOnce = 20_000
/** Events in one transaction. */
const rowsAtOnce = 50_000
const idDays = 30
const aheadDays = 2

const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
/** How long a workspace keeps single events. */
const kept = sql`coalesce((select retention_days from usage_setting s where s.workspace_id = w.id), ${defaultRetentionDays}::int)`

/** Forget which events were taken more than 30 days ago, some at a time. @returns whether there are more */
const forgetIds = async (db: Db, today: string): Promise<boolean> => {
  const { numAffectedRows } = await sql`
    delete from usage_event_id where ctid = any(array(
      select ctid from usage_event_id where received_on < ${today}::date - ${idDays}::int limit ${idsAtOnce}))`.execute(db)
  return Number(numAffectedRows ?? 0) === idsAtOnce
}

/** Days that no workspace keeps go whole. */
async function dropDays(db: Db, today: string): Promise<void> {
  const first = sql`${today}::date - (select coalesce(max(${kept}), ${defaultRetentionDays}) from workspace w)`
  await markPurged(db, sql`select distinct workspace_id, ${first} from usage_series`)
  await sql`delete from usage_day where day < ${first}`.execute(db)
}

type Due = Readonly<{ workspaceId: string; day: string }>

/**
 * Days of which events are to be deleted that others keep: those that nobody has looked at, and always the last two that
 * are kept no longer, for what came late.
 */
async function dueDays(db: Db, today: string): Promise<readonly Due[]> {
  const { rows } = await sql<Due>`
    select w.id as workspace_id, d.day::text from workspace w left join usage_purged p on p.workspace_id = w.id
    join usage_day d on d.day < ${today}::date - ${kept} and (p.before is null or d.day >= p.before or d.day >= ${today}::date - ${kept} - 2)
    where exists (select 1 from usage_series s where s.workspace_id = w.id) order by 2, 1`.execute(db)
  return rows
}

/** Delete some events of a day. @returns whether there are more; when there are none, that is kept */
async function deleteSome(db: Db, { workspaceId, day }: Due): Promise<boolean> {
  const own = sql`workspace_id = ${workspaceId} and occurred_at >= ${day}::date at time zone 'UTC' and occurred_at < (${day}::date + 1) at time zone 'UTC'`
  const { numAffectedRows } = await sql`
    delete from usage_event where ${own} and ctid = any(array(select ctid from usage_event where ${own} limit ${rowsAtOnce}))`.execute(db)
  await markPurged(db, sql`select ${workspaceId}::uuid, ${day}::date + 1`)
  return Number(numAffectedRows ?? 0) === rowsAtOnce
}

/** @param rows workspaces and days; what is marked already is never taken back */
const markPurged = (db: Db, rows: RawBuilder<unknown>) =>
  sql`insert into usage_purged (workspace_id, before) ${rows} on conflict (workspace_id) do update set before = greatest(usage_purged.before, excluded.before)`.execute(
    db,
  )

/**
 * Keep no event longer than its workspace wants, and have the partitions of the next days ready. In small transactions: while
 * one is open nothing is counted, and what was done stays done.
 * @param now milliseconds since 1970 @throws the signal's reason when it is aborted
 */
export async function purge(ctx: Pick<Ctx, 'system'>, now: number, signal?: AbortSignal): Promise<void> {
  const today = dateOf(now)
  const ahead = Array.from({ length: aheadDays + 1 }, (_, n) => dateOf(now + n * dayMs))
  await ctx.system((db) => openDays(db, ahead))
  while (await ctx.system((db) => forgetIds(db, today)));
  await ctx.system((db) => dropDays(db, today))
  for (const due of await ctx.system((db) => dueDays(db, today), 'read'))
    do signal?.throwIfAborted()
    while (await ctx.system((db) => deleteSome(db, due)))
}

export const purgeMeasurements = job({
  name: 'analytics.purge_measurements',
  payload: Strict({}),
  retries: 3,
  expireInSeconds: 3_600,
  schedule: '17 2 * * *',
  run: (_, ctx, { signal }) => purge(ctx, Date.parse(ctx.now()), signal),
})
