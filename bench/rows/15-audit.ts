/**
 * Row 15: the audit trail. What it costs the write: prompts created at 16 clients on an instance that keeps the trail,
 * against one on the same database that does not (AUDIT=off), by turns; the sealer works meanwhile, as it always does.
 * And what the sealer can do: how fast it takes a backlog down, and how far it is behind at 500 changes a second.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { promptText, variables } from '../lib/data.ts'
import { type Cost, costOf, type Generator, send, withGenerator } from '../lib/load.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Installation, type Service, withAnother, withService, workspaceId } from '../lib/service.ts'
import { alternate, medianOf, medianRatio, type Pair, quantile } from '../lib/stats.ts'

const clients = 16
const requests = [
  send('POST', '/api/v1/prompts', { category: 'bench', name: 'audited ########', content: `${promptText} ########`, variables }),
]

async function compare(generator: Generator, on: Service, off: Service, quick: boolean): Promise<Pair<Cost>[]> {
  let from = 0
  const create = async (service: Service, ms: number): Promise<Cost> => {
    const cost = await costOf(generator, service, { port: service.port, connections: clients, requests, from, limit: { ms } }, ['201'])
    from += cost.requests
    return cost
  }
  for (const service of [on, off]) await create(service, 1_500)
  const ms = quick ? 800 : 2_000
  return alternate(
    quick ? 4 : 10,
    () => create(on, ms),
    () => create(off, ms),
  )
}

const unsealed = async ({ query }: Installation): Promise<number> => {
  const [row] = await query<{ n: number }>(
    `select count(*)::int as n from audit_entry where sequence > (select coalesce(max(through), 0) from audit_block)`,
  )
  return row!.n
}

async function untilSealed(installation: Installation): Promise<void> {
  for (const deadline = Date.now() + 120_000; (await unsealed(installation)) > 0; await sleep(20))
    if (Date.now() > deadline) throw new Error('the sealer does not come to an end')
}

/** A backlog as it would be after the sealer was away. The clock runs from the first to the last block of it. */
async function backlog(installation: Installation, generator: Generator, service: Service, rows: number): Promise<number> {
  await untilSealed(installation)
  const [before] = await installation.query<{ number: string }>('select coalesce(max(number), 0) as number from audit_block')
  await installation.query(
    `insert into audit_entry (workspace_id, at, actor, action, subject, before_hash, after_hash, request_id, data)
     select $1, now(), 'key:bench', 'prompt.updated', n::text, sha256(n::text::bytea), sha256(n::text::bytea), 'request ' || n,
       jsonb_build_object('category', 'bench', 'name', 'prompt ' || n, 'version', 1) from generate_series(1, $2::int) n`,
    [workspaceId, rows],
  )
  const startedAt = performance.now()
  await generator.run({ port: service.port, connections: 1, requests, from: 9_000_000 + rows, limit: { count: 1 } }, ['201']) // a signal
  await untilSealed(installation)
  const seconds = (performance.now() - startedAt) / 1000
  const [sealed] = await installation.query<{ rows: string }>(
    'select sum(cardinality(sequences)) as rows from audit_block where number > $1',
    [before!.number],
  )
  return Number(sealed!.rows) / seconds
}

/** Milliseconds from an entry's time to that of its block, of each entry that a steady load leaves. */
async function lags(
  installation: Installation,
  generator: Generator,
  service: Service,
  ms: number,
): Promise<{ lags: number[]; perSecond: number }> {
  await untilSealed(installation)
  const [before] = await installation.query<{ sequence: string }>('select max(sequence) as sequence from audit_entry')
  const load = await generator.run({ port: service.port, connections: clients, requests, from: 5_000_000, perSecond: 500, limit: { ms } }, [
    '201',
  ])
  await untilSealed(installation)
  const rows = await installation.query<{ lag: number }>(
    `select extract(epoch from b.sealed_at - e.at)::float8 * 1000 as lag from audit_block b
     cross join lateral unnest(b.sequences) as s (sequence) join audit_entry e on e.workspace_id = b.workspace_id and e.sequence = s.sequence
     where e.sequence > $1`,
    [before!.sequence],
  )
  return { lags: rows.map(({ lag }) => lag), perSecond: load.perSecond }
}

function costs(pairs: readonly Pair<Cost>[]): Measure[] {
  const rate = (one: Cost) => one.perSecond
  const cpu = (one: Cost) => one.cpuPerRequest
  return [
    {
      what: 'create with audit on: prompts per second',
      ours: figure(medianOf(pairs, 'ours', rate), '/s'),
      rival: `audit off ${figure(medianOf(pairs, 'rival', rate), '/s')}`,
      value: medianRatio(pairs, rate),
      shown: times(medianRatio(pairs, rate)),
      bar: { atLeast: 0.85 },
      note: `${clients} clients, sealing included; Node's CPU per prompt ${figure(medianOf(pairs, 'ours', cpu), 'µs')} against ${figure(medianOf(pairs, 'rival', cpu), 'µs')}`,
    },
  ]
}

export const auditRow: Row = {
  id: '15',
  title: 'The audit trail: what it costs, and the sealer',
  measure: ({ quick }) =>
    withService((on, installation) =>
      withAnother(installation.dataDir, { AUDIT: 'off' }, (off) =>
        withGenerator(async (generator) => {
          const pairs = await compare(generator, on, off, quick)
          const rows = quick ? 20_000 : 100_000
          const perSecond = await backlog(installation, generator, on, rows)
          const behind = await lags(installation, generator, on, quick ? 5_000 : 20_000)
          const p99 = quantile(behind.lags, 0.99)
          return [
            ...costs(pairs),
            {
              what: 'sealer: entries per second',
              ours: figure(perSecond, '/s'),
              rival: 'no rival',
              value: perSecond,
              shown: figure(perSecond, '/s'),
              bar: { atLeast: 10_000 },
              note: `a backlog of ${rows.toLocaleString('en')} entries, taken down`,
            },
            {
              what: 'sealer: lag p99 at 500 changes per second',
              ours: figure(p99, 'ms'),
              rival: 'limit 2 s',
              value: p99,
              shown: figure(p99, 'ms'),
              bar: { atMost: 2_000 },
              note: `${figure(behind.perSecond, '/s')} with two entries each; median ${figure(quantile(behind.lags, 0.5), 'ms')}, longest ${figure(Math.max(...behind.lags), 'ms')}`,
            },
          ]
        }),
      ),
    ),
}
