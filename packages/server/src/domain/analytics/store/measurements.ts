import { CompiledQuery, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { Measurement } from '../model/measurement.ts'
import { numbers, texts } from './arrays.ts'
import { bigints, hashes, integers, smallints, uuids } from './binary-arrays.ts'

/** A measurement of a workspace whose series has its number. */
export type Row = Readonly<{ workspaceId: string; series: number; measurement: Omit<Measurement, 'dimensions'> }>

const insertSql = `/*hot:usage_insert*/
with fresh as (
  insert into usage_event_id (id, received_on) select id, $2 from unnest($1::uuid[]) as e (id) on conflict do nothing returning id),
stored as (
  insert into usage_event (occurred_at, latency_us, cost_micros, workspace_id, series, input_tokens, output_tokens, cached_tokens, ttft_us, score, flags, user_hash, rest)
  select to_timestamp(at / 1000::float8), latency, cost, workspace, series, input, output, cached, ttft, score, flags, hash, rest::jsonb
  from unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::uuid[], $8::int[], $9::int[], $10::int[], $11::int[], $12::int[], $13::smallint[], $14::smallint[], $15::bytea[], $16::text[])
    as e (id, at, latency, cost, workspace, series, input, output, cached, ttft, score, flags, hash, rest)
  left join fresh using (id) where e.id is null or fresh.id is not null)
select case when (select count(*) from fresh) = coalesce(cardinality($1::uuid[]), 0) then null else array(select id::text from fresh) end as taken`

/**
 * Store rows, but those whose event was taken in the last 30 days; their days are there.
 * @param db across workspaces
 * @param receivedOn today, as a date
 * @returns for each row whether it was stored
 */
export async function insertMeasurements(db: Db, rows: readonly Row[], receivedOn: string): Promise<boolean[]> {
  const seen = new Set<string>()
  const own = rows.map(({ measurement: { eventId } }) => {
    if (eventId === null) return true
    const first = !seen.has(eventId)
    seen.add(eventId)
    return first
  })
  const sent = rows.filter((_, i) => own[i])
  const column = <K extends keyof Row['measurement']>(name: K) => sent.map(({ measurement }) => measurement[name])
  const rest = column('rest')
  // In one order everywhere, so that two who tell the same events wait for each other in a row.
  const values = [
    uuids([...seen].sort()),
    receivedOn,
    uuids(column('eventId')),
    bigints(column('occurredAt')),
    bigints(column('latencyUs')),
    bigints(column('costMicros')),
    uuids(sent.map(({ workspaceId }) => workspaceId.replaceAll('-', ''))),
    integers(sent.map(({ series }) => series)),
    integers(column('inputTokens')),
    integers(column('outputTokens')),
    integers(column('cachedTokens')),
    integers(column('ttftUs')),
    smallints(column('score')),
    smallints(column('flags')),
    hashes(column('userHash')),
    rest.some((one) => one !== null) ? texts(rest) : null,
  ]
  const { rows: answer } = await db.executeQuery<{ taken: string[] | null }>(CompiledQuery.raw(insertSql, values))
  const { taken } = answer[0]!
  if (taken === null) return own // as nearly always: all of them are new
  const fresh = new Set(taken.map((id) => id.replaceAll('-', '')))
  return rows.map(({ measurement: { eventId } }, i) => own[i]! && (eventId === null || fresh.has(eventId)))
}

/** Make the partitions of some days. @param days as dates; @param db across workspaces */
export async function openDays(db: Db, days: readonly string[]): Promise<void> {
  await sql`insert into usage_day (day) select d::date from unnest(${numbers(days)}::date[]) d on conflict do nothing`.execute(db)
}
