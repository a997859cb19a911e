/**
 * Row 25: screens over measurements. What a dashboard costs must not grow with the number of events: the same 30 days, 20
 * series, of 10⁴, 10⁶ and 10⁷ events. The events are put into the table by SQL and counted by the service's own rebuild,
 * whose speed is told beside.
 */
import { rebuild } from '../../packages/server/src/domain/analytics/jobs/rebuild.ts'
import { openDatabase } from '../../packages/server/src/infrastructure/postgres/database.ts'
import { call } from '../lib/load.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row, RowOptions } from '../lib/row.ts'
import { type Installation, withService, workspaceId } from '../lib/service.ts'
import { alternate, medianOf, medianRatio } from '../lib/stats.ts'

const day = 86_400_000
const days = 30
const seriesCount = 20
const atOnce = 100_000
const fewest = 10_000

/** Events spread evenly over the days and series, however few they are, with latencies as they are: log-normal. */
async function addEvents({ query }: Installation, from: number, to: number, begin: number): Promise<void> {
  for (let at = from; at < to; at += atOnce)
    await query(
      `insert into usage_event (workspace_id, occurred_at, series, latency_us, cost_micros, input_tokens, output_tokens, flags, user_hash)
       select $1, to_timestamp($2::bigint / 1000.0) + (n * 1601967997 % $3) * interval '1 millisecond', 1 + n % $4,
         exp(12 + 0.8 * sqrt(-2 * ln(1 - random())) * cos(6.2832 * random()))::bigint, (random() * 9000)::bigint, (random() * 4000)::int, (random() * 900)::int,
         case when n % 50 = 0 then 0 else 1 end, decode(lpad(to_hex(hashint8extended(n % 5000, 1)), 16, '0'), 'hex')
       from generate_series($5::bigint, $6::bigint - 1) n`,
      [workspaceId, begin, days * day, seriesCount, at, Math.min(to, at + atOnce)],
    )
}

async function prepare({ query }: Installation, promptIds: readonly string[], begin: number): Promise<void> {
  await query(
    `insert into usage_day (day) select d::date from generate_series($1::date, $1::date + ${days + 1}, '1 day') d on conflict do nothing`,
    [new Date(begin).toISOString().slice(0, 10)],
  )
  for (const [i, id] of promptIds.entries())
    await query(`insert into usage_series values ($1, $2, $3, 1, 'production', 'openai', $4, 'bench', '', 'chat')`, [
      workspaceId,
      i + 1,
      id,
      `model ${i % 4}`,
    ])
}

/** Count all of it by the service's own rebuild. @returns seconds */
async function countAll({ databaseUrl, query }: Installation, begin: number): Promise<number> {
  await query(`update usage_fold set horizon = (pg_current_xact_id()::text::bigint + 1)::text::xid8`)
  const database = openDatabase({ url: databaseUrl, max: 2, pooled: false, onError: () => undefined })
  const startedAt = performance.now()
  for (let at = begin; at < begin + (days + 1) * day; at += day)
    await database.within('system', 'write', (db) => rebuild(db, at, at + 1, Date.now()))
  const seconds = (performance.now() - startedAt) / 1000
  await database.close()
  await query('analyze usage_rollup')
  return seconds
}

const screens = {
  dashboard: '/api/v1/analytics/dashboard?interval=day',
  'dashboard by prompt': '/api/v1/analytics/dashboard?interval=day&groupBy=prompt',
  summary: '/api/v1/analytics/summary?days=30',
  usage: '/api/v1/analytics/usage?groupBy=model',
} as const
type Screen = keyof typeof screens

/** Milliseconds of a screen. */
async function took(port: number, screen: Screen, from: string): Promise<number> {
  const startedAt = performance.now()
  await call(port, 'GET', screens[screen] + (screen === 'summary' ? '' : `&from=${from}`))
  return performance.now() - startedAt
}

/** The screens of many events against those of few, in turn: what the machine does meanwhile meets both. */
async function compared(many: Store, few: Store, events: number, begin: number, quick: boolean): Promise<Measure[]> {
  const from = new Date(begin).toISOString()
  const measures: Measure[] = []
  for (const screen of Object.keys(screens) as Screen[]) {
    const pairs = await alternate(
      quick ? 30 : 150,
      () => took(many.port, screen, from),
      () => took(few.port, screen, from),
    )
    const warm = pairs.slice(5)
    const value = medianRatio(warm, (ms) => ms)
    measures.push({
      what: `${screen} at ${events.toLocaleString('en')} events`,
      ours: figure(
        medianOf(warm, 'ours', (ms) => ms),
        'ms',
      ),
      rival: `at ${fewest.toLocaleString('en')} ${figure(
        medianOf(warm, 'rival', (ms) => ms),
        'ms',
      )}`,
      value,
      shown: times(value),
      bar: { atMost: 1.5 },
    })
  }
  return measures
}

/** A service with its prompts, and a growing number of events of them. */
type Store = Readonly<{
  port: number
  /** Let there be so many events, all of them counted. @returns seconds that counting took */
  grow(events: number): Promise<number>
}>

const withStore = <T>(begin: number, work: (store: Store) => Promise<T>): Promise<T> =>
  withService(async ({ port }, installation) => {
    const ids: string[] = []
    for (let n = 0; n < seriesCount; n++) {
      const prompt = { content: 'Hi', category: 'bench', name: `measured ${n}` }
      ids.push((await call<{ id: string }>(port, 'POST', '/api/v1/prompts', prompt)).id)
    }
    await prepare(installation, ids, begin)
    let stored = 0
    return work({
      port,
      async grow(events) {
        await addEvents(installation, stored, events, begin)
        stored = events
        return countAll(installation, begin)
      },
    })
  })

export const analyticsReadsRow: Row = {
  id: '25',
  title: 'Screens over measurements as these grow, and counting them again',
  measure({ quick, note }: RowOptions) {
    const begin = Date.now() - (Date.now() % day) - days * day
    return withStore(begin, async (few) => {
      await few.grow(fewest)
      return withStore(begin, async (many) => {
        const measures: Measure[] = []
        for (const events of quick ? [200_000] : [1_000_000, 10_000_000]) {
          const seconds = await many.grow(events)
          note(`${events.toLocaleString('en')} events counted in ${figure(seconds, 's')}`)
          measures.push(...(await compared(many, few, events, begin, quick)), {
            what: `rebuild of the rollups of ${events.toLocaleString('en')} events`,
            ours: figure(seconds, 's'),
            rival: 'no rival',
            value: events / seconds,
            shown: figure(events / seconds, 'events/s'),
          })
        }
        return measures
      })
    })
  },
}
