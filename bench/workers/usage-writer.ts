/**
 * The rival of batches: the same rows by bare `pg`, 500 in a statement, and nothing else: no HTTP, no checks, no prices.
 */
import { randomUUID } from 'node:crypto'
import pg from 'pg'

export type UsageWriterJob = Readonly<{
  databaseUrl: string
  workspaceId: string
  series: number
  clients: number
  rows: number
  ms: number
}>

const text = `with fresh as (insert into usage_event_id (id, received_on) select id, current_date from unnest($1::uuid[]) id returning id)
  insert into usage_event (occurred_at, latency_us, cost_micros, workspace_id, series, input_tokens, output_tokens, flags, user_hash)
  select to_timestamp(at / 1000.0), latency, 3500, $2, $3, input, output, 1, decode(hash, 'hex')
  from unnest($4::bigint[], $5::bigint[], $6::int[], $7::int[], $8::text[]) as e (at, latency, input, output, hash)`

async function run({ databaseUrl, workspaceId, series, clients, rows, ms }: UsageWriterJob): Promise<{ perSecond: number }> {
  const array = (make: (i: number) => string | number) => `{${Array.from({ length: rows }, (_, i) => make(i)).join()}}`
  let written = 0
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async () => {
      const client = new pg.Client(databaseUrl)
      await client.connect()
      await client.query('set role ps_system')
      while (performance.now() - startedAt < ms) {
        const values = [
          array(() => randomUUID()),
          workspaceId,
          series,
          array(() => Date.now()),
          array((i) => 250_000 + i),
          array((i) => 1_000 + i),
          array((i) => 100 + i),
          array((i) => (i % 100).toString(16).padStart(16, '0')),
        ]
        await client.query({ name: 'rows', text, values })
        written += rows
      }
      await client.end()
    }),
  )
  return { perSecond: (written / (performance.now() - startedAt)) * 1000 }
}

process.on('message', ({ id, job }: { id?: string; job?: UsageWriterJob }) => {
  if (!id || !job) return
  run(job).then(
    (result) => process.send?.({ told: id, result }),
    (error) => process.send?.({ told: id, error: String(error) }),
  )
})
