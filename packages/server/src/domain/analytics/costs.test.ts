import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Call } from '../../testing/index.ts'
import { pricingWith } from './model/prices.ts'
import { differenceOf, type ModelUse, type Saving, savingsOf } from './model/savings.ts'
import { emptyTally, type Sums } from './model/tally.ts'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

let t: Measured
let longId: string
let runId: string
const now = Date.parse('2026-03-20T12:30:00.000Z')
const ago = (days: number) => new Date(now - days * 86_400_000).toISOString()
const times = (n: number, event: Record<string, unknown>) => Array.from({ length: n }, () => event)

beforeAll(async () => {
  t = await startMeasured({ clock: () => new Date(now).toISOString() })
  const prefix = 'Answer as a careful clerk would, and say where you know it from. '.repeat(120)
  const make = async (name: string, content: string) =>
    (await t.owner('POST', '/prompts', { category: 'elsewhere', name, content })).body.id as string
  longId = await make('long', `${prefix}{{question}}`)
  runId = await make('run', 'a'.repeat(900_000))
  const told = await t.tell(
    ...times(30, t.event({ occurredAt: ago(1) })),
    ...times(3, t.event({ occurredAt: ago(1), success: false })),
    ...times(25, t.event({ occurredAt: ago(2), model: 'gpt-4o-mini', version: 2 })),
    ...times(19, t.event({ occurredAt: ago(2), model: 'gpt-4.1-nano' })), // too few to be compared
    ...times(10, t.event({ occurredAt: ago(2), provider: 'me', model: 'of-my-own' })),
    ...times(20, t.event({ occurredAt: ago(40) })),
    ...times(10, t.event({ promptId: longId, inputTokens: 3_000, cachedTokens: 500, occurredAt: ago(1), service: 'web' })),
    t.event({ promptId: runId, inputTokens: 100_000, occurredAt: ago(1) }),
  )
  expect(told.body.errors).toBeUndefined()
  await t.owner('POST', '/analytics/satisfaction', { promptId: t.promptId, version: 2, rating: 3, occurredAt: ago(1) })
  await t.app.analytics.settle()
})
afterAll(() => t.stop())

const ask = (query = '', call: Call = t.owner) => call('GET', `/analytics/costs${query}`)
const savingsOfPrompt = (body: { savings: { promptId: string; options: Saving[] }[] }, id: string) =>
  body.savings.find(({ promptId }) => promptId === id)!.options

test('costs stand by prompt with their share, beside as long a time before', async () => {
  const { status, body } = await ask()
  expect([status, body.groupCount]).toEqual([200, 3])
  const [first] = body.items
  expect(first).toMatchObject({ key: runId, name: 'elsewhere/run', costUsd: expect.closeTo(0.251, 4), change: null })
  const mine = body.items.find(({ key }: { key: string }) => key === t.promptId)
  expect(mine).toMatchObject({ requests: 87, unpricedRequests: 10, previousCostUsd: expect.closeTo(20 * 0.0035, 6) })
  expect(mine.change).toBeCloseTo((mine.costUsd - 0.07) / 0.07, 6)
  expect(body.items.reduce((sum: number, { share }: { share: number }) => sum + share, 0)).toBeCloseTo(1, 9)
  expect(body.totals.costUsd).toBeCloseTo(
    body.items.reduce((sum: number, { costUsd }: { costUsd: number }) => sum + costUsd, 0),
    9,
  )
})

test.each([
  ['model', 4],
  ['category', 2],
  ['service', 2],
  ['version', 4],
  ['provider', 2],
])('costs by %s', async (by, count) => {
  const { body } = await ask(`?groupBy=${by}&savings=false`)
  expect([body.groupCount, body.savings]).toEqual([count, undefined])
})

test('a filter chooses, and a limit shows the dearest', async () => {
  expect((await ask('?service=web')).body.items.map(({ key }: { key: string }) => key)).toEqual([longId])
  expect((await ask('?limit=1')).body).toMatchObject({ items: [{ key: runId }], groupCount: 3 })
})

test('a cheaper model is told with the measured difference, and only one that was measured enough', async () => {
  const options = savingsOfPrompt((await ask()).body, t.promptId)
  const models = options.filter(({ kind }) => kind === 'cheaper_model')
  expect(models).toEqual([
    {
      kind: 'cheaper_model',
      from: 'openai/gpt-4o',
      to: 'openai/gpt-4o-mini',
      savingUsd: expect.closeTo(33 * (0.0035 - 0.00021), 6),
      successRate: { difference: expect.closeTo(3 / 33, 6), low: expect.any(Number), high: expect.any(Number) },
      satisfaction: null,
      assumption: expect.stringMatching(/33 uses with openai\/gpt-4o .* 25 that were measured/),
    },
  ])
})

test('a prefix that is always the same is worth caching, less what is cached already', async () => {
  const [cached] = savingsOfPrompt((await ask()).body, longId).filter(({ kind }) => kind === 'cacheable_prefix')
  expect(cached!.tokens).toBeGreaterThan(1_024)
  expect(cached!.savingUsd).toBeCloseTo(((10 * cached!.tokens! - 10 * 500) * 1.25) / 1e6, 6)
  expect(cached!.assumption).toMatch(/before the first variable/)
  expect(savingsOfPrompt((await ask()).body, t.promptId).some(({ kind }) => kind === 'cacheable_prefix')).toBe(false)
})

test('a very long text of one character is counted by its beginning, and says so', async () => {
  const { body } = await ask()
  const run = body.savings.find(({ promptId }: { promptId: string }) => promptId === runId)
  expect(run.templateTokens).toBeGreaterThan(10_000)
  expect(run.options[0].assumption).toMatch(/reckoned from its beginning/)
})

test('what is asked wrongly is said', async () => {
  expect((await ask('?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z')).body.code).toBe('analytics.question_invalid')
  expect((await ask('?groupBy=luck')).status).toBe(400)
})

test('whoever sees one category is told of the costs of its prompts alone', async () => {
  await t.owner('POST', '/roles', { name: 'part', permissions: ['prompts:read', 'analytics:read'], categories: ['elsewhere'] })
  const key = (await t.owner('POST', '/api-keys', { name: 'part', role: 'part' })).body.key
  const limited: Call = (method, path, body) => t.owner(method, path, body, { authorization: `Bearer ${key}` })
  const { body } = await ask('', limited)
  expect([body.items.length, body.savings.length, body.totals.requests]).toEqual([2, 2, 11])
})

describe('savings', () => {
  const use = (model: string, sums: Partial<Sums>, rated: Partial<ModelUse> = {}): ModelUse => ({
    provider: 'openai',
    model,
    sums: { ...emptyTally(), requests: 100, inputTokens: 100_000, costMicros: 350_000, ...sums },
    ratings: 0,
    score: 0,
    ...rated,
  })
  const template = { tokens: 500, prefixTokens: 300, countedWhole: true }
  const price = pricingWith([])

  test('a tenth of the text less is a tenth of its price, for models that have one', () => {
    const [shorter] = savingsOf(template, [use('gpt-4o', {}), use('never-heard-of', { unpriced: 100, costMicros: 0 })], price, now)
    expect(shorter).toMatchObject({ kind: 'shorter_text', tokens: 50, savingUsd: expect.closeTo((100 * 50 * 2.5) / 1e6, 9) })
  })
  test('nothing is guessed for models without a price', () => {
    expect(savingsOf(template, [use('never-heard-of', { unpriced: 100, costMicros: 0 })], price, now)).toEqual([])
    expect(savingsOf(template, [], price, now)).toEqual([])
  })
  test('ratings are compared where they can be told apart', () => {
    const models = [
      use('gpt-4o', {}, { ratings: 2, score: 16_000 }),
      use('gpt-4o-mini', { costMicros: 20_000 }, { ratings: 4, score: 20_000 }),
    ]
    expect(savingsOf(template, models, price, now)[0]).toMatchObject({ kind: 'cheaper_model', satisfaction: expect.closeTo(-0.3, 9) })
  })
  test('the interval of a difference contains it, and is wide for few uses', () => {
    const of = (requests: number) =>
      differenceOf({ ...emptyTally(), requests, errors: requests / 5 }, { ...emptyTally(), requests, errors: requests / 10 })
    for (const n of [20, 2_000]) expect([of(n).low < of(n).difference, of(n).difference < of(n).high]).toEqual([true, true])
    expect(of(20).high - of(20).low).toBeGreaterThan(5 * (of(2_000).high - of(2_000).low))
  })
})
