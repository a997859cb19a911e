/**
 * Row 26: measurements as they come in for minutes, 2,000 single events a second over 64 connections, while dashboards are
 * open: four screens, each asked for again every two seconds. Any answer but 202 and 200, a 503 among them, is a failure of
 * the row. The lag is the age of the oldest event that is taken and not counted yet, looked at every second. Memory is flat
 * when the service needs no more in the last third than in the second.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { call, send, withGenerator } from '../lib/load.ts'
import { figure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Installation, type Service, withService } from '../lib/service.ts'
import { median } from '../lib/stats.ts'

const perSecond = 2_000
const connections = 64
const screens = ['dashboard?groupBy=prompt', 'summary?days=7', 'usage?groupBy=model', 'costs?groupBy=prompt']

const event = (promptId: string) => ({
  eventId: 's-########',
  promptId,
  version: 1,
  label: 'production',
  provider: 'openai',
  model: 'gpt-4o',
  inputTokens: 1_000,
  outputTokens: 100,
  latencyMs: 250,
  success: true,
  userId: 'user ########',
  service: 'bench',
})

type Seen = Readonly<{ lags: number[]; memory: number[]; screens: number[] }>

/** Milliseconds that the oldest event has been waiting to be counted; 0 when none waits. */
async function lagOf({ query }: Installation): Promise<number> {
  const [row] = await query<{ ms: number }>(
    `select coalesce(extract(epoch from clock_timestamp() - min(occurred_at)) * 1000, 0)::float8 as ms
     from usage_event where xid >= (select horizon from usage_fold) and occurred_at > now() - interval '1 hour'`,
  )
  return Math.max(0, row!.ms)
}

/** Look every second, and at the screens as people do, until it is over. */
async function watch(service: Service, installation: Installation, isOver: () => boolean): Promise<Seen> {
  const seen: Seen = { lags: [], memory: [], screens: [] }
  const looking = screens.map(async (screen) => {
    while (!isOver()) {
      const startedAt = performance.now()
      await call(service.port, 'GET', `/api/v1/analytics/${screen}`)
      seen.screens.push(performance.now() - startedAt)
      await sleep(2_000)
    }
  })
  while (!isOver()) {
    seen.lags.push(await lagOf(installation))
    seen.memory.push((await service.usage()).rss)
    await sleep(1_000)
  }
  await Promise.all(looking)
  return seen
}

const third = (values: readonly number[], n: number): number[] =>
  values.slice(Math.floor((values.length * n) / 3), Math.floor((values.length * (n + 1)) / 3))

export const steadyUseRow: Row = {
  id: '26',
  title: 'Measurements: minutes of a steady stream with dashboards open',
  measure: ({ quick }) =>
    withService((service, installation) =>
      withGenerator(async (generator) => {
        const prompt = { content: 'Hi', category: 'bench', name: 'measured' }
        const { id } = await call<{ id: string }>(service.port, 'POST', '/api/v1/prompts', prompt)
        let over = false
        const watching = watch(service, installation, () => over)
        const requests = [send('POST', '/api/v1/analytics/usage', event(id))]
        const ms = quick ? 15_000 : 300_000
        const load = await generator
          .run({ port: service.port, connections, requests, perSecond, limit: { ms } }, ['202'])
          .finally(() => (over = true))
        const { lags, memory, screens: took } = await watching
        const growth = median(third(memory, 2)) / median(third(memory, 1))
        const worst = Math.max(...lags)
        const asked = `${figure(load.perSecond, '/s')} for ${ms / 1_000} s`
        return [
          {
            what: 'steady events: the worst lag of counting',
            ours: figure(worst, 'ms'),
            rival: 'limit 2 s',
            value: worst,
            shown: figure(worst, 'ms'),
            bar: { atMost: 2_000 },
            note: `${asked}, no answer but 202; screens ${figure(median(took), 'ms')} in the median, ${figure(Math.max(...took), 'ms')} at worst`,
          },
          {
            what: 'steady events: memory of the last third against the second',
            ours: figure(median(third(memory, 2)) / 2 ** 20, 'MiB'),
            rival: figure(median(third(memory, 1)) / 2 ** 20, 'MiB'),
            value: growth,
            shown: times(growth),
            bar: { atMost: 1.1 },
          },
        ]
      }),
    ),
}
