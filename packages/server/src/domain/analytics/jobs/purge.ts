import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { job } from '../../../core/jobs.ts'
import { Strict } from '../../../core/schemas.ts'
import { dayMs, defaultRetentionDays } from '../model/measurement.ts'
import { openDays } from '../store/measurements.ts'

const idsAtOnce = 20_000
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
const dropDays = (db: Db, today: string) =>
  sql`delete from usage_day where day < ${today}::date - (select coalesce(max(${kept}), ${defaultRetentionDays}) from workspace w)`.execute(
    db,
  )

/** What is left of days that others keep. */
async function deleteRows(db: Db, today: string): Promise<void> {
  const { rows } = await sql<{ id: string; day: string }>`
    select w.id, d.day::text from workspace w join usage_day d on d.day < ${today}::date - ${kept}
    where exists (select 1 from usage_series s where s.workspace_id = w.id) order by 2, 1`.execute(db)
  for (const { id, day } of rows)
    await sql`delete from usage_event where workspace_id = ${id} and occurred_at >= ${day}::date at time zone 'UTC'
      and occurred_at < (${day}::date + 1) at time zone 'UTC'`.execute(db)
}

/** Keep no event longer than its workspace wants, and have the partitions of the next days ready. @param now milliseconds since 1970 */
export async function purge(ctx: Pick<Ctx, 'system'>, now: number): Promise<void> {
  const today = dateOf(now)
  const ahead = Array.from({ length: aheadDays + 1 }, (_, n) => dateOf(now + n * dayMs))
  await ctx.system((db) => openDays(db, ahead))
  while (await ctx.system((db) => forgetIds(db, today)));
  await ctx.system((db) => dropDays(db, today))
  await ctx.system((db) => deleteRows(db, today))
}

export const purgeMeasurements = job({
  name: 'analytics.purge_measurements',
  payload: Strict({}),
  retries: 3,
  expireInSeconds: 3_600,
  schedule: '17 2 * * *',
  run: (_, ctx) => purge(ctx, Date.parse(ctx.now())),
})
