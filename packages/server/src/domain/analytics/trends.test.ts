import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Call } from '../../testing/index.ts'
import type { MetricTrend } from './model/trend.ts'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

let t: Measured
let otherId: string
const now = Date.parse('2026-03-20T12:30:00.000Z')
const day = 86_400_000
const ago = (days: number) => new Date(now - days * day).toISOString()

/** Twenty days of 5 uses, and from the 8th day before today on the answers are slow. */
beforeAll(async () => {
  t = await startMeasured({ clock: () => new Date(now).toISOString() })
  otherId = (await t.owner('POST', '/prompts', { category: 'elsewhere', name: 'two', content: 'x' })).body.id
  const events = Array.from({ length: 20 }, (_, n) => n + 1).flatMap((days) =>
    Array.from({ length: 5 }, (_, i) => t.event({ latencyMs: (days > 8 ? 200 : 800) + ((days * 7) % 5) + i, occurredAt: ago(days) })),
  )
  expect((await t.tell(...events, t.event({ promptId: otherId, occurredAt: ago(3) }))).body.accepted).toBe(101)
  await t.app.analytics.settle()
})
afterAll(() => t.stop())

const ask = (query = '', call: Call = t.owner) => call('GET', `/analytics/trends${query}`)
const metricOf = ({ body }: Awaited<ReturnType<typeof ask>>, name: string): MetricTrend =>
  body.metrics.find(({ metric }: MetricTrend) => metric === name)

test('tells when the level of a metric changed, and how it goes, in numbers and in words', async () => {
  const answer = await ask(`?promptId=${t.promptId}`)
  expect([answer.status, answer.body.interval]).toEqual([200, 'day'])
  const latency = metricOf(answer, 'latencyP95Ms')
  const { perDay, low, high } = latency.slope!
  expect([low < perDay, perDay < high, high > 20]).toEqual([true, true, true])
  expect(latency.changePoints).toEqual([
    {
      at: `${ago(8).slice(0, 10)}T00:00:00.000Z`,
      before: expect.closeTo(205, -1),
      after: expect.closeTo(805, -1.5),
      change: expect.closeTo(2.95, 0),
    },
  ])
  expect(answer.body.text).toContain(latency.text)
  expect(metricOf(answer, 'requests')).toMatchObject({ direction: 'steady', changePoints: [] })
  expect(metricOf(answer, 'satisfaction')).toMatchObject({ direction: 'not_enough_data', slope: null })
})

test('a day that is not over is left out, and a day without any use counts 0 uses', async () => {
  await t.tell(t.event({ occurredAt: new Date(now).toISOString() }))
  const { points } = metricOf(await ask(`?promptId=${otherId}`), 'requests')
  expect(points.map(({ value }) => value)).toEqual([1, 0, 0])
  expect(metricOf(await ask(`?promptId=${otherId}`), 'successRate').points.map(({ value }) => value)).toEqual([1, null, null])
})

test('by hours it looks at a week', async () => {
  const answer = await ask('?interval=hour')
  expect(answer.body.from).toBe(new Date(Math.floor((now - 7 * day) / 3_600_000) * 3_600_000).toISOString())
  expect(metricOf(answer, 'requests').points.length).toBeGreaterThan(100)
})

test.each([
  ['?interval=hour&from=2026-01-01T00:00:00Z', 422, 'analytics.question_invalid'],
  ['?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z', 422, 'analytics.question_invalid'],
  ['?interval=month', 400, 'request.invalid'],
  ['?promptId=01234567-89ab-7def-8123-456789abcdef', 404, 'prompt.not_found'],
])('%s is answered %i', async (query, status, code) => {
  const answer = await ask(query)
  expect([answer.status, answer.body.code]).toEqual([status, code])
})

test('whoever sees one category is told of its prompts alone', async () => {
  await t.owner('POST', '/roles', { name: 'part', permissions: ['prompts:read', 'analytics:read'], categories: ['elsewhere'] })
  const key = (await t.owner('POST', '/api-keys', { name: 'part', role: 'part' })).body.key
  const limited: Call = (method, path, body) => t.owner(method, path, body, { authorization: `Bearer ${key}` })
  expect(metricOf(await ask('', limited), 'requests').points.map(({ value }) => value)).toEqual([1, 0, 0])
  expect((await ask(`?promptId=${t.promptId}`, limited)).status).toBe(404)
})
