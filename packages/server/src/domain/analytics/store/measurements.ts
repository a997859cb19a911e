import { CompiledQuery, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { Measurement } from '../model/measurement.ts'
import { numbers, texts } from './arrays.ts'

/** A measurement of a workspace whose series has its number. */
export type Row = Omit<Measurement, 'dimensions'> & Readonly<{ workspaceId: string; series: number }>

const insertSql = `/*hot:usage_insert*/
with fresh as (
  insert into usage_event_id (id, received_on) select id, $2 from unnest($1::uuid[]) as e (id) on conflict do nothing returning id),
stored as (
  insert into usage_event (occurred_at, latency_us, cost_micros, workspace_id, series, input_tokens, output_tokens, cached_tokens, ttft_us, score, flags, user_hash, rest)
  select to_timestamp(at / 1000::float8), latency, cost, workspace, series, input, output, cached, ttft, score, flags, decode(hash, 'hex'), rest::jsonb
  from unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::uuid[], $8::int[], $9::int[], $10::int[], $11::int[], $12::int[], $13::smallint[], $14::smallint[], $15::text[], $16::text[])
    as e (id, at, latency, cost, workspace, series, input, output, cached, ttft, score, flags, hash, rest)
  left join fresh using (id) where e.id is null or fresh.id is not null)
select case when (select count(*) from fresh) = cardinality($1::uuid[]) then null else array(select id::text from fresh) end as taken`

/**
 * Store rows, but those whose event was taken in the last 30 days; their days are there.
 * @param db across workspaces
 * @param receivedOn today, as a date
 * @returns for each row whether it was stored
 */
export async function insertMeasurements(db: Db, rows: readonly Row[], receivedOn: string): Promise<boolean[]> {
  const seen = new Set<string>()
  const own = rows.map(({ eventId }) => {
    if (eventId === null) return true
    const first = !seen.has(eventId)
    seen.add(eventId)
    return first
  })
  const sent = rows.filter((_, i) => own[i])
  const column = <K extends keyof Row>(name: K) => sent.map((row) => row[name])
  // In one order everywhere, so that two who tell the same events wait for each other in a row.
  const values = [
    numbers([...seen].sort()),
    receivedOn,
    numbers(column('eventId')),
    numbers(column('occurredAt')),
    numbers(column('latencyUs')),
    numbers(column('costMicros')),
    numbers(column('workspaceId')),
    numbers(column('series')),
    numbers(column('inputTokens')),
    numbers(column('outputTokens')),
    numbers(column('cachedTokens')),
    numbers(column('ttftUs')),
    numbers(column('score')),
    numbers(column('flags')),
    numbers(column('userHash')),
    texts(column('rest')),
  ]
  const { rows: answer } = await db.executeQuery<{ taken: string[] | null }>(CompiledQuery.raw(insertSql, values))
  const { taken } = answer[0]!
  if (taken === null) return own // as nearly always: all of them are new
  const fresh = new Set(taken.map((id) => id.replaceAll('-', '')))
  return rows.map(({ eventId }, i) => own[i]! && (eventId === null || fresh.has(eventId)))
}

/** Make the partitions of some days. @param days as dates; @param db across workspaces */
export async function openDays(db: Db, days: readonly string[]): Promise<void> {
  await sql`insert into usage_day (day) select d::date from unnest(${numbers(days)}::date[]) d on conflict do nothing`.execute(db)
}
