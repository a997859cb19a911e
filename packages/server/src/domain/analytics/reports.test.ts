import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Call } from '../../testing/index.ts'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

let t: Measured
let otherId: string
const day = 86_400_000
const now = Date.now()
const ago = (days: number) => new Date(now - days * day).toISOString()
const get = async (path: string, call: Call = t.owner) => {
  const { status, body } = await call('GET', `/analytics/${path}`)
  expect([path, status, body.code]).toEqual([path, 200, undefined])
  return body
}

beforeAll(async () => {
  t = await startMeasured()
  otherId = (await t.owner('POST', '/prompts', { category: 'elsewhere', name: 'two', content: 'x', tags: ['red'] })).body.id
  const told = await t.tell(
    ...[100, 200, 300, 400].map((latencyMs) => t.event({ latencyMs, userId: `u${latencyMs}`, service: 'web', occurredAt: ago(1) })),
    t.event({ version: 2, success: false, errorType: 'timeout', latencyMs: 9_000, userId: 'u100', timeToFirstTokenMs: 50 }),
    t.event({ promptId: otherId, model: 'of-my-own', provider: 'me', userId: 'u100' }),
    t.event({ occurredAt: ago(8), latencyMs: 100 }),
    t.event({ experiment: { testId: 't', unitId: 'u', variant: 'b' }, occurredAt: ago(2) }),
  )
  expect([told.body.accepted, told.body.errors]).toEqual([8, undefined])
  for (const rating of [1, 5, 5])
    await t.owner('POST', '/analytics/satisfaction', { promptId: t.promptId, version: 1, rating, occurredAt: ago(1) })
})
afterAll(() => t.stop())

/** The same questions before and after everything is counted: what is not in the rollups yet is read from the rows. */
describe.each(['before it is counted', 'after it is counted'])('%s', (when) => {
  beforeAll(() => (when === 'after it is counted' ? t.app.analytics.settle() : undefined))

  test('the dashboard tells what was measured by time', async () => {
    const body = await get('dashboard')
    expect([body.interval, body.totals.requests, body.totals.errors, body.totals.users, body.totals.unpricedRequests]).toEqual([
      'day',
      7,
      1,
      4,
      1,
    ])
    expect(body.totals.successRate).toBeCloseTo(6 / 7)
    expect([body.totals.ratings, body.totals.satisfaction]).toEqual([3, expect.closeTo(2 / 3, 3)])
    expect(body.totals.costUsd).toBeCloseTo(6 * 0.0035, 6)
    expect(body.points.map(({ requests }: { requests: number }) => requests)).toEqual([1, 4, 2])
    const yesterday = body.points[1]
    expect(yesterday.latencyMs).toEqual({
      mean: 250,
      p50: expect.closeTo(200, -1),
      p95: expect.closeTo(300, -1),
      p99: expect.closeTo(300, -1),
    })
    const longer = await get(`dashboard?from=${ago(9)}&interval=month`)
    expect(longer.totals.requests).toBe(8)
    expect((await get(`dashboard?from=${ago(1.5)}&interval=hour`)).points.length).toBe(2)
  })

  test('groups add up to the whole, and filters choose among them', async () => {
    const byModel = await get('dashboard?groupBy=model')
    expect(byModel.groups.map(({ key, totals }: { key: string; totals: { requests: number } }) => [key, totals.requests])).toEqual([
      ['gpt-4o', 6],
      ['of-my-own', 1],
      ['', 0], // ratings name no model
    ])
    expect(byModel.groupCount).toBe(3)
    const byPrompt = await get('dashboard?groupBy=prompt')
    expect(byPrompt.groups.map(({ key, name }: { key: string; name: string }) => [key, name])).toEqual([
      [t.promptId, 'measured/one'],
      [otherId, 'elsewhere/two'],
    ])
    expect((await get('dashboard?service=web')).totals.requests).toBe(4)
    expect((await get(`dashboard?promptId=${t.promptId}&version=2`)).totals).toMatchObject({
      requests: 1,
      errors: 1,
      timeToFirstTokenMs: 50,
    })
    expect((await get('dashboard?variant=t/b')).totals.requests).toBe(1)
  })

  test('usage tells who used how much', async () => {
    const keys = async (query: string) =>
      (await get(`usage?${query}`)).items.map(({ key, requests }: { key: string; requests: number }) => [key, requests])
    expect(await keys('')).toEqual([
      [t.promptId, 6],
      [otherId, 1],
    ])
    expect(await keys('groupBy=version')).toEqual(
      [
        [`${t.promptId}@1`, 5],
        [`${otherId}@1`, 1],
        [`${t.promptId}@2`, 1],
      ].sort(([a, n], [b, m]) => Number(m) - Number(n) || (String(a) < String(b) ? -1 : 1)),
    )
    expect(await keys('groupBy=service&limit=1')).toHaveLength(1)
    expect((await keys('groupBy=hour')).reduce((sum: number, [, n]: [string, number]) => sum + n, 0)).toBe(7)
    if (when === 'after it is counted') {
      const users = await keys('groupBy=user')
      expect(users.map(([, n]: [string, number]) => n)).toEqual([3, 1, 1, 1])
      expect(users[0][0]).toMatch(/^[0-9a-f]{16}$/)
      const { items } = await get('usage?groupBy=user')
      const sum = (name: string) => items.reduce((all: number, item: Record<string, number>) => all + item[name]!, 0)
      expect([sum('inputTokens'), sum('outputTokens')]).toEqual([6_000, 600])
    }
  })

  test('performance compares with as long a time before', async () => {
    const { items } = await get('performance')
    expect(items[0]).toMatchObject({ key: t.promptId, totals: { requests: 6 }, previous: { requests: 1 }, trend: { requests: 5 } })
    expect(items[1]).toMatchObject({ key: otherId, previous: { requests: 0 }, trend: { requests: null } })
  })

  test('a prompt is told by version', async () => {
    const body = await get(`prompts/${t.promptId}`)
    expect(body.totals.requests).toBe(7)
    expect(
      body.versions.map(({ version, totals }: { version: number; totals: { requests: number } }) => [version, totals.requests]),
    ).toEqual([
      [2, 1],
      [1, 6],
    ])
    expect(body.drift).toMatchObject({ verdict: 'not_enough_data', recent: {}, baseline: {} })
    expect(body.forecast).toMatchObject({ promptId: t.promptId, enough: false, requests: 7, predicted: null })
  })

  test('the summary stands beside the days before it', async () => {
    const body = await get('summary?days=7')
    expect([body.totals.requests, body.previous.requests, body.activity.length]).toEqual([7, 1, 3])
    const today = await get('summary?days=1')
    expect([today.days, Date.parse(today.to) - Date.parse(today.from), today.from.slice(11)]).toEqual([1, 86_400_000, '00:00:00.000Z'])
    expect(body.topPrompts.map(({ name }: { name: string }) => name)).toEqual(['measured/one', 'elsewhere/two'])
    const { category, tag, model, status } = body.distributions
    expect(category.map(({ key, requests }: { key: string; requests: number }) => [key, requests])).toEqual([
      ['measured', 6],
      ['elsewhere', 1],
    ])
    expect([tag.length, tag[0].key, model[0].key, status[0].key]).toEqual([1, 'red', 'gpt-4o', 'draft'])
  })

  test('whoever sees one category is told of its prompts alone', async () => {
    const name = `part ${when}`
    await t.owner('POST', '/roles', { name, permissions: ['prompts:read', 'analytics:read'], categories: ['elsewhere'] })
    const key = (await t.owner('POST', '/api-keys', { name, role: name })).body.key
    const limited: Call = (method, path, body) => t.owner(method, path, body, { authorization: `Bearer ${key}` })
    expect((await get('dashboard', limited)).totals.requests).toBe(1)
    expect((await get('usage?groupBy=model', limited)).items.map((item: { key: string }) => item.key)).toEqual(['of-my-own'])
    expect((await get('performance', limited)).items).toHaveLength(1)
    expect((await get('summary', limited)).topPrompts).toHaveLength(1)
    expect((await get('prices', limited)).unknownModels).toHaveLength(1)
    expect((await limited('GET', `/analytics/prompts/${t.promptId}`)).status).toBe(404)
    expect((await limited('GET', '/analytics/usage?groupBy=user')).status).toBe(403)
  })
})

test.each([
  ['dashboard?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 422],
  ['dashboard?from=2020-01-01T00:00:00Z&interval=hour', 422],
  ['dashboard?from=yesterday', 400],
  ['usage?groupBy=user&model=x', 422],
  ['usage?groupBy=nonsense', 400],
])('%s is answered %i', async (path, status) => {
  const answer = await t.owner('GET', `/analytics/${path}`)
  expect([answer.status, answer.body.code]).toEqual([status, status === 422 ? 'analytics.question_invalid' : 'request.invalid'])
})

describe('prices', () => {
  test('a workspace sets its own; models without one are listed, not guessed', async () => {
    await t.app.analytics.settle()
    expect((await get('prices')).unknownModels).toEqual([{ provider: 'me', model: 'of-my-own', requests: 1 }])
    const items = [
      { model: 'of-my-own', inputUsdPerMTok: 2, outputUsdPerMTok: 10, cachedInputUsdPerMTok: 1 },
      { provider: 'openai', model: 'gpt-4o', inputUsdPerMTok: 0, outputUsdPerMTok: 0 },
    ]
    expect((await t.owner('PUT', '/analytics/prices', { items })).body.items).toEqual(items)
    const told = await t.tell(
      t.event({ model: 'of-my-own', provider: 'me', cachedTokens: 500, metadata: { priced: true } }),
      t.event({ metadata: { priced: true } }),
      t.event({ costUsd: 1.5, metadata: { priced: true } }),
    )
    expect(told.body).toEqual({ accepted: 3, duplicates: 0 })
    const rows = await t.database.query<{ c: string }>(`select cost_micros as c from usage_event where rest->'m'->>'priced' = 'true'`)
    expect(rows.map(({ c }) => Number(c)).sort((a, b) => a - b)).toEqual([0, 500 + 1000 + 1000, 1_500_000])
  })

  test.each([
    ['openai', 'gpt-4o', 0.0035, undefined],
    ['OpenAI', 'gpt-4o-mini', 0.00021, undefined],
    ['anthropic', 'claude-sonnet-4-20250514', 0.0045, undefined],
    ['anthropic', 'claude-sonnet-4-20250514', 0.00315, 500],
    ['openai', 'never-heard-of', null, undefined],
    ['nobody', 'gpt-4o', null, undefined],
  ])('of %s/%s come from the table: %s US dollars', async (provider, model, usd, cached) => {
    const { pricingWith } = await import('./model/prices.ts')
    const price = pricingWith([])
    const tokens = { inputTokens: 1000, outputTokens: 100, cachedTokens: cached ?? null }
    for (let again = 0; again < 2; again++) expect(price(provider, model, tokens, now)).toBe(usd === null ? null : Math.round(usd * 1e6))
  })
})

test('settings: what is absent stays, and a user is kept as sent only where the workspace asks for it', async () => {
  await t.tell(t.event({ userId: 'secret person' }))
  const texts = async () => (await t.database.query(`select 1 from usage_event where rest::text like '%secret person%'`)).length
  expect(await texts()).toBe(0)
  expect((await t.owner('PUT', '/analytics/settings', { userIds: 'plain' })).body).toEqual({ retentionDays: 90, userIds: 'plain' })
  await t.tell(t.event({ userId: 'secret person' }))
  expect(await texts()).toBe(1)
  expect((await t.owner('PUT', '/analytics/settings', { retentionDays: 1 })).body).toEqual({ retentionDays: 1, userIds: 'plain' })
  expect((await t.tell(t.event({ occurredAt: ago(2) }))).body.errors[0].problem.code).toBe('measurement.time_out_of_range')
})
