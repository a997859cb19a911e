import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'

/** A workspace and the first day, as a date, of which it keeps single outcomes. */
export type Kept = Readonly<{ workspaceId: string; from: string }>

const atOnce = 20_000

/**
 * Delete outcomes that their workspace keeps no longer, some at a time, and mark their tests, so that these are never counted
 * anew. What is not counted yet stays until it is; nothing goes while all is to be counted anew.
 * @param db across workspaces; counting waits meanwhile
 * @returns whether there are more
 */
export async function purgeOutcomes(db: Db, kept: readonly Kept[]): Promise<boolean> {
  const newest = kept.reduce((last, { from }) => (from > last ? from : last), '')
  if (newest === '') return false
  const start = (date: ReturnType<typeof sql>) => sql`((${date})::date::timestamp at time zone 'UTC')`
  const fold = await sql<{ horizon: string }>`select horizon::text from ab_fold where counted_by is not null for update`.execute(db)
  const horizon = fold.rows[0]?.horizon
  if (horizon === undefined) return false
  const { rows } = await sql<{ gone: number }>`
    with kept as materialized (
      select w, f from unnest(${kept.map(({ workspaceId }) => workspaceId)}::uuid[], ${kept.map(({ from }) => from)}::date[]) as k (w, f)),
    gone as (
      delete from ab_outcome where ctid = any(array(
        select o.ctid from ab_outcome o join kept k on k.w = o.workspace_id
        where o.at < ${start(sql`${newest}`)} and o.at < ${start(sql`k.f`)} and o.xid < ${horizon}::xid8 limit ${atOnce}))
      returning workspace_id, test_id),
    marked as (
      update ab_tally t set purged_before = greatest(t.purged_before, k.f) from (select distinct workspace_id, test_id from gone) g join kept k on k.w = g.workspace_id
      where (t.workspace_id, t.test_id) = (g.workspace_id, g.test_id))
    select count(*)::int as gone from gone`.execute(db)
  return rows[0]!.gone === atOnce
}
