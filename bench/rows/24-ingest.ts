/**
 * Row 24: measurements coming in. Single events at 64 connections, answered after the commit, against the same service
 * with one transaction for each request; batches of 500 against a bare multi-row insert of the same rows; what an event
 * takes on the disk with its indexes and the row that keeps it from counting twice; and how long until it is counted.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { call, type Generator, type LoadResult, send, withGenerator } from '../lib/load.ts'
import { type Measured, startMeasured } from '../lib/measured-process.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { apiKey, freePort, type Installation, type Service, withService, workspaceId } from '../lib/service.ts'
import { alternate, medianOf, medianRatio, type Pair } from '../lib/stats.ts'
import type { UsageWriterJob } from '../workers/usage-writer.ts'

const connections = 64
const batch = 500
const batchClients = 4

const event = (promptId: string, i: number) => ({
  eventId: `e-########-${i}`,
  promptId,
  version: 1,
  label: 'production',
  provider: 'openai',
  model: 'gpt-4o',
  inputTokens: 1_000 + i,
  outputTokens: 100 + (i % 50),
  latencyMs: 250 + (i % 400),
  success: true,
  userId: `user ${i % 100}`,
  service: 'bench',
  operation: 'chat',
})

async function withRival<T>({ databaseUrl }: Installation, work: (port: number) => Promise<T>): Promise<T> {
  const port = await freePort()
  const env = { DATABASE_URL: databaseUrl, PORT: String(port), BOOTSTRAP_API_KEY: apiKey }
  const rival = startMeasured(new URL('../workers/usage-rival.ts', import.meta.url), { env })
  try {
    await rival.told('ready')
    return await work(port)
  } finally {
    await rival.stop()
  }
}

/** Numbers of events never come twice, whoever sends them. */
let from = 0
async function load(generator: Generator, port: number, path: string, body: object, many: number, ms: number): Promise<LoadResult> {
  const result = await generator.run({ port, connections: many, requests: [send('POST', path, body)], from, limit: { ms } }, ['202'])
  from += result.requests
  return result
}

async function singles(generator: Generator, service: Service, installation: Installation, promptId: string, quick: boolean) {
  const body = event(promptId, 0)
  const ms = quick ? 800 : 3_000
  return withRival(installation, async (rival) => {
    const ours = (length = ms) => load(generator, service.port, '/api/v1/analytics/usage', body, connections, length)
    const theirs = (length = ms) => load(generator, rival, '/api/v1/rival/usage', body, connections, length)
    for (const warm of [ours, theirs]) await warm(quick ? 1_000 : 5_000)
    return alternate(
      quick ? 4 : 10,
      () => ours(),
      () => theirs(),
    )
  })
}

type Rate = { perSecond: number }

async function batches(
  generator: Generator,
  service: Service,
  installation: Installation,
  promptId: string,
  quick: boolean,
): Promise<Pair<Rate>[]> {
  const body = { items: Array.from({ length: batch }, (_, i) => event(promptId, i)) }
  const ms = quick ? 1_000 : 4_000
  const [found] = await installation.query<{ id: number }>('select max(id) as id from usage_series where workspace_id = $1', [workspaceId])
  const writer: Measured = startMeasured(new URL('../workers/usage-writer.ts', import.meta.url))
  let jobs = 0
  try {
    const rival = async (length = ms): Promise<Rate> => {
      const id = `job-${++jobs}`
      const job: UsageWriterJob = {
        databaseUrl: installation.databaseUrl,
        workspaceId,
        series: found!.id,
        clients: batchClients,
        rows: batch,
        ms: length,
      }
      writer.send({ id, job })
      const { result, error } = await writer.told<{ result: Rate; error?: string }>(id)
      if (error) throw new Error(`the rival failed: ${error}`)
      return result
    }
    const ours = async (length = ms): Promise<Rate> => {
      const { perSecond } = await load(generator, service.port, '/api/v1/analytics/usage', body, batchClients, length)
      return { perSecond: perSecond * batch }
    }
    for (const warm of [ours, rival]) await warm(quick ? 1_000 : 4_000)
    return await alternate(
      quick ? 4 : 8,
      () => ours(),
      () => rival(),
    )
  } finally {
    await writer.stop()
  }
}

/** Bytes of an event, of its entries in indexes, and of the row that keeps it from counting twice. */
async function bytesPerEvent({ query }: Installation): Promise<{ bytes: number; events: number }> {
  const [size] = await query<{ bytes: string; events: string }>(
    `select (select sum(pg_total_relation_size(c.oid)) from pg_class c where c.relnamespace = 'usage_days'::regnamespace and c.relkind = 'r')
       + pg_total_relation_size('usage_event_id') as bytes, (select count(*) from usage_event) as events`,
  )
  return { bytes: Number(size!.bytes) / Number(size!.events), events: Number(size!.events) }
}

/** Milliseconds until all that was taken is counted. */
async function untilCounted({ query }: Installation): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    const [state] = await query<{ left: boolean }>(
      'select exists (select 1 from usage_event where xid >= (select horizon from usage_fold)) as left',
    )
    if (!state!.left) return performance.now() - startedAt
    await sleep(50)
  }
}

/** A steady stream, and how long after its end all of it is counted: how far the rollups are behind. */
async function lag(generator: Generator, service: Service, installation: Installation, promptId: string, ms: number) {
  await untilCounted(installation)
  const job = { port: service.port, connections, requests: [send('POST', '/api/v1/analytics/usage', event(promptId, 0))], from }
  const result = await generator.run({ ...job, perSecond: 2_000, limit: { ms } }, ['202'])
  from += result.requests
  return { perSecond: result.perSecond, behindMs: await untilCounted(installation) }
}

const measures = (one: readonly Pair<Rate>[], many: readonly Pair<Rate>[]): Measure[] => {
  const rate = ({ perSecond }: Rate) => perSecond
  return [
    {
      what: 'ingest of single events, durable: events per second',
      ours: figure(medianOf(one, 'ours', rate), '/s'),
      rival: `one INSERT per request ${figure(medianOf(one, 'rival', rate), '/s')}`,
      value: medianRatio(one, rate),
      shown: times(medianRatio(one, rate)),
      bar: { atLeast: 2 },
      aim: { atLeast: 2.8 },
      note: `${connections} connections, the same service`,
    },
    {
      what: `ingest in batches of ${batch}: events per second`,
      ours: figure(medianOf(many, 'ours', rate), '/s'),
      rival: `bare unnest insert ${figure(medianOf(many, 'rival', rate), '/s')}`,
      value: medianRatio(many, rate),
      shown: times(medianRatio(many, rate)),
      bar: { atLeast: 0.5 },
      aim: { atLeast: 0.8 },
      note: `${batchClients} connections; ours shares the cores with its load generator, the rival does not`,
    },
  ]
}

export const ingestRow: Row = {
  id: '24',
  title: 'Measurements: ingest, their size, and how far counting is behind',
  measure: ({ quick }) =>
    withService((service, installation) =>
      withGenerator(async (generator) => {
        const { id } = await call<{ id: string }>(service.port, 'POST', '/api/v1/prompts', {
          content: 'Hi',
          category: 'bench',
          name: 'measured',
        })
        const one = await singles(generator, service, installation, id, quick)
        const behind = await lag(generator, service, installation, id, quick ? 3_000 : 20_000)
        const size = await bytesPerEvent(installation)
        const many = await batches(generator, service, installation, id, quick)
        return [
          ...measures(one, many),
          {
            what: 'bytes of an event with its indexes and its dedupe row',
            ours: figure(size.bytes, 'B'),
            rival: 'limit 250 B',
            value: size.bytes,
            shown: figure(size.bytes, 'B'),
            bar: { atMost: 250 },
            note: `of ${size.events.toLocaleString('en')} events with eventId, user, service and operation, without metadata`,
          },
          {
            what: 'lag of the rollups at 2,000 events per second',
            ours: figure(behind.behindMs, 'ms'),
            rival: 'limit 2 s',
            value: behind.behindMs,
            shown: figure(behind.behindMs, 'ms'),
            bar: { atMost: 2_000 },
            note: `${figure(behind.perSecond, '/s')}; from the last answer until all is counted`,
          },
        ]
      }),
    ),
}
