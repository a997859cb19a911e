import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { Metric } from '../model/experiment.ts'
import { binIn, type OutcomeRow } from '../model/outcomes.ts'

/** Store outcomes. @param db of their workspace, or across workspaces */
export async function insertOutcomes(db: Db, rows: readonly OutcomeRow[]): Promise<void> {
  if (rows.length === 0) return
  const of = <T>(pick: (row: OutcomeRow) => T) => rows.map(pick)
  const value = (metric: Metric) => of(({ values }) => values[metric])
  const bin = (metric: Metric) => of((row) => binIn(row, metric))
  await sql`/*hot:ab_outcome_insert*/
    insert into ab_outcome (workspace_id, test_id, unit_hash, at, claimed, success, score, latency_us, cost_micros, tokens, satisfaction, latency_bin, cost_bin, tokens_bin, metadata)
    select w, t, decode(u, 'hex'), a, c, v0, v1, v2, v3, v4, v5, b2, b3, b4, m::jsonb from unnest(
      ${of(({ workspaceId }) => workspaceId)}::uuid[], ${of(({ testId }) => testId)}::uuid[], ${of(({ unitHash }) => unitHash)}::text[],
      ${of(({ at }) => at)}::timestamptz[], ${of(({ claimed }) => claimed)}::text[], ${value('success')}::smallint[], ${value('score')}::bigint[],
      ${value('latencyMs')}::bigint[], ${value('costUsd')}::bigint[], ${value('tokens')}::bigint[], ${value('satisfaction')}::bigint[],
      ${bin('latencyMs')}::smallint[], ${bin('costUsd')}::smallint[], ${bin('tokens')}::smallint[], ${of(({ metadata }) => metadata)}::text[])
      as r (w, t, u, a, c, v0, v1, v2, v3, v4, v5, b2, b3, b4, m)`.execute(db)
}

/** Remember these ids, in one order everywhere. @returns those that were not known. @param on today, as a date */
export async function takeIds(tx: Db, ids: readonly string[], on: string): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const { rows } = await sql<{ id: string }>`
    insert into ab_outcome_id (id, received_on) select id, ${on}::date from unnest(${[...new Set(ids)].sort()}::uuid[]) as e (id)
    on conflict do nothing returning id::text`.execute(tx)
  return new Set(rows.map(({ id }) => id.replaceAll('-', '')))
}

/** The variants that units were exposed to, by their hash in hex. */
export async function exposuresOf(tx: Db, testId: string, unitHashes: readonly string[]): Promise<Map<string, readonly string[]>> {
  const { rows } = await sql<{ unit: string; variants: string[] }>`
    select encode(unit_hash, 'hex') as unit, array_agg(distinct variant) as variants from ab_exposure
    where test_id = ${testId} and unit_hash in (select decode(h, 'hex') from unnest(${[...new Set(unitHashes)]}::text[]) h) group by 1`.execute(
    tx,
  )
  return new Map(rows.map(({ unit, variants }) => [unit, variants]))
}

/** Which of these tests there are and have started: `workspace test`. @param db across workspaces */
export async function knownTests(db: Db, testIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ workspaceId: string; id: string }>`
    select workspace_id, id from ab_test where id = any(${[...new Set(testIds)]}::uuid[]) and started_at is not null`.execute(db)
  return new Set(rows.map(({ workspaceId, id }) => `${workspaceId} ${id}`))
}

const idsAtOnce = 20_000
const idDays = 30

/** Forget ids of more than 30 days ago, some at a time. @param today as a date @returns whether there are more */
export async function forgetIds(db: Db, today: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    delete from ab_outcome_id where ctid = any(array(select ctid from ab_outcome_id where received_on < ${today}::date - ${idDays}::int limit ${idsAtOnce}))`.execute(
    db,
  )
  return Number(numAffectedRows ?? 0) === idsAtOnce
}
