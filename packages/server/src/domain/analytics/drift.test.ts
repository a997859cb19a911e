import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { foldPass } from './jobs/fold.ts'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

let t: Measured
beforeAll(async () => {
  t = await startMeasured()
})
afterAll(() => t.stop())

const day = 86_400_000
const ago = (days: number) => new Date(Date.now() - days * day).toISOString()
const aPrompt = async (): Promise<string> => (await t.owner('POST', '/prompts', { content: `Hi ${Math.random()}` })).body.id
const drift = async (id: string, query = '') => (await t.owner('GET', `/prompts/${id}/drift?${query}`)).body.inUse

type Use = Readonly<{ latencyMs?: number; outputTokens?: number; costUsd?: number; success?: boolean }>
/** Uses of a prompt on one day, each by its number. */
const use = async (promptId: string, count: number, days: number, of: (i: number) => Use) => {
  const events = Array.from({ length: count }, (_, i) =>
    t.event({
      promptId,
      version: 1,
      occurredAt: ago(days),
      latencyMs: 100 + (i % 50),
      outputTokens: 80 + (i % 40),
      costUsd: 0.01,
      ...of(i),
    }),
  )
  expect((await t.tell(...events)).body.errors).toBeUndefined()
}
const rate = async (promptId: string, count: number, days: number, rating: (i: number) => number) => {
  const items = Array.from({ length: count }, (_, i) => ({ promptId, rating: rating(i), occurredAt: ago(days) }))
  expect((await t.owner('POST', '/analytics/satisfaction', { items })).body.accepted).toBe(count)
}
type Metric = { metric: string; verdict: string; pValue: number | null; detail: string; [field: string]: unknown }
const byName = (told: { metrics: Metric[] }): Record<string, Metric> => Object.fromEntries(told.metrics.map((one) => [one.metric, one]))

describe('drift in use', () => {
  test('is told by metric, with test, corrected p-value, effect and words', async () => {
    const id = await aPrompt()
    await use(id, 300, 20, (i) => ({ success: i % 20 !== 0 }))
    await use(id, 200, 1, (i) => ({ latencyMs: 300 + (i % 50), outputTokens: 80 + (i % 40), success: i % 3 !== 0 }))
    await rate(id, 60, 20, (i) => 4 + (i % 2))
    await rate(id, 40, 1, (i) => 1 + (i % 2))
    const told = await drift(id)
    expect(told.verdict).toBe('major')
    expect(told.detail).toMatch(/last 7 days against the 28 before: major drift of success, latency, satisfaction/)
    const metrics = byName(told)
    expect(Object.fromEntries(told.metrics.map(({ metric, verdict }: Metric) => [metric, verdict]))).toEqual({
      successRate: 'major',
      latencyMs: 'major',
      costUsd: 'none',
      outputTokens: 'none',
      satisfaction: 'major',
    })
    expect(metrics.latencyMs).toMatchObject({
      recent: { uses: 200, mean: 324.5 },
      baseline: { uses: 300, mean: 124.5 },
      test: expect.stringContaining('Kolmogorov'),
      ks: 1,
      effect: { measure: 'psi' },
    })
    expect(metrics.successRate).toMatchObject({ test: 'two-proportion z', effect: { measure: 'cohensH' }, recent: { uses: 200 } })
    expect((metrics.successRate as unknown as { effect: { value: number } }).effect.value).toBeLessThan(-0.5)
    expect(metrics.latencyMs!.pValue).toBeLessThan(0.001)
    expect(metrics.costUsd!.pValue).toBe(1)
    expect(metrics.satisfaction!.detail).toMatch(
      /Mean satisfaction: 0\.125 in 40 recent ratings, 0\.875 in 60 before \(-85\.7 %\)\. A major/,
    )
  })

  test('is the same from the rollups as from what is not counted yet', async () => {
    const id = await aPrompt()
    await use(id, 120, 10, () => ({}))
    await use(id, 120, 0, () => ({ outputTokens: 400 }))
    const fresh = await drift(id)
    await t.app.analytics.settle()
    expect(await drift(id)).toEqual(fresh)
    expect(byName(fresh).outputTokens).toMatchObject({ verdict: 'major', recent: { uses: 120, mean: 400 } })
  })

  test('has no verdict below 100 uses in either time, or 30 ratings, and says so', async () => {
    const id = await aPrompt()
    await use(id, 99, 20, () => ({}))
    await use(id, 500, 1, () => ({ latencyMs: 5_000 }))
    await rate(id, 29, 20, () => 5)
    await rate(id, 100, 1, () => 1)
    const told = await drift(id)
    expect([told.verdict, told.detail]).toEqual(['not_enough_data', expect.stringContaining('100 uses, or 30 ratings')])
    for (const metric of told.metrics) expect(metric).toMatchObject({ verdict: 'not_enough_data', pValue: null, effect: null })
    await use(id, 1, 20, () => ({}))
    expect(byName(await drift(id)).latencyMs).toMatchObject({ verdict: 'major' })
    expect(byName(await drift(id)).satisfaction).toMatchObject({ verdict: 'not_enough_data' })
  })

  test('of nothing measured says so', async () => {
    expect(await drift(await aPrompt())).toMatchObject({
      verdict: 'not_enough_data',
      detail: expect.stringContaining('No use'),
      metrics: [],
    })
  })

  test('is no drift where a difference is certain and small', async () => {
    const id = await aPrompt()
    await use(id, 1_000, 20, (i) => ({ success: i % 100 !== 0 }))
    await use(id, 1_000, 1, (i) => ({ success: i % 40 !== 0 }))
    const { successRate } = byName(await drift(id))
    expect(successRate).toMatchObject({ verdict: 'none', detail: expect.stringContaining('a small one') })
    expect(successRate!.pValue).toBeLessThan(0.05)
  })

  test('compares the times that are asked for', async () => {
    const id = await aPrompt()
    await use(id, 150, 40, () => ({}))
    await use(id, 150, 12, () => ({ latencyMs: 900 }))
    expect((await drift(id)).verdict).toBe('not_enough_data')
    const told = await drift(id, 'recentDays=30&baselineDays=30')
    expect(byName(told).latencyMs).toMatchObject({ verdict: 'major' })
    expect(Date.parse(told.recent.from)).toBe(Date.parse(told.baseline.to))
    for (const query of ['recentDays=0', 'baselineDays=366', 'recentDays=x'])
      expect((await t.owner('GET', `/prompts/${id}/drift?${query}`)).status, query).toBe(400)
  })

  test('is left out for who may not read measurements', async () => {
    const reader = await t.as('prompts:read')
    const { status, body } = await reader('GET', `/prompts/${t.promptId}/drift`)
    expect([status, body.inUse]).toEqual([200, undefined])
  })
})

describe('what was counted before a sketch was added', () => {
  test('is counted again day by day, and is then the same as if it had been there always', async () => {
    const id = await aPrompt()
    for (const days of [0, 1, 33]) await use(id, 110, days, (i) => ({ outputTokens: i }))
    await rate(id, 40, 1, () => 3)
    await t.app.analytics.settle()
    const [before, told] = [await t.rollups(), await drift(id)]
    await t.database.query(`update usage_rollup set output_sketch = '', score_sketch = ''`)
    await t.database.query(`update usage_fold set recount_before = 'infinity'`)
    for (let recounting = true; recounting; )
      recounting = (await t.app.database.within('system', 'write', (db) => foldPass(db)))?.more ?? true
    expect(await drift(id)).toEqual(told)
    expect(await t.rollups()).toEqual(before)
  })
})
