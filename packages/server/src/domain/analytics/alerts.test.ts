import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Call } from '../../testing/index.ts'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

let t: Measured
/** The time of the service: events and looks are told when they are. */
let now = Date.parse('2026-03-10T12:30:00.000Z')
const minute = 60_000
const iso = (ms: number) => new Date(ms).toISOString()

beforeAll(async () => {
  t = await startMeasured({ clock: () => iso(now) })
})
afterAll(() => t.stop())

const rule = (more: object = {}) => ({
  name: 'slow',
  metric: 'latencyP95Ms',
  direction: 'above',
  threshold: 1_000,
  forMinutes: 0,
  minimumEvents: 3,
  ...more,
})
const put = (...items: object[]) => t.owner('PUT', '/analytics/alerts', { items })
const list = async (call: Call = t.owner) => (await call('GET', '/analytics/alerts')).body.items
const slow = (n: number, fields: object = {}) =>
  t.tell(...Array.from({ length: n }, () => t.event({ latencyMs: 5_000, occurredAt: iso(now), ...fields })))

/** What the job does each minute. */
async function look(): Promise<void> {
  const job = t.app.modules.flatMap(({ jobs = [] }) => jobs).find(({ name }) => name === 'analytics.evaluate_alerts')!
  const workspaceId = '00000000-0000-7000-8000-000000000001'
  const principal = { id: 'jobs', workspaceId, permissions: new Set<string>(), instanceAdmin: false }
  await job.run({}, t.app.runtime.contextFor(principal, { requestId: 'test' }))
}
const told = () =>
  t.database.query<{ type: string; data: Record<string, unknown> }>(
    `select type, data from outbox where type in ('alert.raised', 'alert.cleared') order by id`,
  )

/** Each test has days of its own. */
beforeEach(async () => {
  now += 3 * 86_400_000
  await put()
})

test('a rule is set with what it says, begins as ok, and is told with its state', async () => {
  const { status, body } = await put(rule({ description: 'Look at the model', scope: { model: 'gpt-4o' } }))
  expect([status, body.items]).toEqual([
    200,
    [
      {
        ...rule({ description: 'Look at the model', scope: { model: 'gpt-4o' } }),
        id: expect.any(String),
        state: 'ok',
        since: iso(now),
        evaluation: null,
        savedBy: 'bootstrap',
        savedAt: iso(now),
      },
    ],
  ])
  expect(await list()).toEqual(body.items)
  expect((await put(...body.items)).body.items).toEqual(body.items)
})

test('it fires with what was measured, is told once, and clears when it is back', async () => {
  const before = (await told()).length
  await put(rule())
  await look()
  expect((await list())[0]).toMatchObject({ state: 'ok', evaluation: { verdict: 'no_data', events: 0, value: null } })
  await slow(3)
  await look()
  const firedAt = iso(now)
  expect((await list())[0]).toMatchObject({
    state: 'firing',
    since: firedAt,
    evaluation: { verdict: 'breached', value: expect.closeTo(5_000, -2), events: 3, at: firedAt },
  })
  now += minute
  await look()
  expect(await told()).toHaveLength(before + 1)
  now += 3 * 3_600_000
  await look()
  expect((await list())[0]).toMatchObject({ state: 'firing', evaluation: { verdict: 'no_data' } })
  await slow(4, { latencyMs: 100 })
  await look()
  expect((await list())[0]).toMatchObject({ state: 'ok', since: iso(now) })
  const [fired, cleared] = (await told()).slice(before)
  expect([fired?.type, fired?.data]).toEqual([
    'alert.raised',
    expect.objectContaining({
      name: 'slow',
      metric: 'latencyP95Ms',
      direction: 'above',
      detail: expect.stringMatching(/fires above 1000/),
    }),
  ])
  expect([cleared?.type, cleared?.data]).toEqual([
    'alert.cleared',
    expect.objectContaining({
      reason: 'recovered',
      firedAt,
      detail: expect.stringMatching(/^latencyP95Ms was \d+\.?\d* in the last hour/),
    }),
  ])
})

test('the summary tells of the rules that fire, and of no other', async () => {
  const open = async () => (await t.owner('GET', '/analytics/summary')).body.openAlerts
  await put(rule(), rule({ name: 'too few', minimumEvents: 100 }))
  await look()
  expect(await open()).toEqual([])
  await slow(3)
  await look()
  const [fired] = await list()
  const firedAt = iso(now)
  now += minute
  expect(await open()).toEqual([{ id: fired.id, name: 'slow', metric: 'latencyP95Ms', since: firedAt }])
  now += 3 * 3_600_000
  await slow(4, { latencyMs: 100 })
  await look()
  expect(await open()).toEqual([])
})

test('it waits for as long as the rule says, and looks only at what the rule is about', async () => {
  await put(
    rule({ forMinutes: 3 }),
    rule({ name: 'of the web', scope: { service: 'web' } }),
    rule({ name: 'of another model', scope: { model: 'other' } }),
    rule({ name: 'of the prompt', scope: { promptId: t.promptId } }),
    rule({ name: 'too few', minimumEvents: 100 }),
    rule({ name: 'low', direction: 'below', metric: 'successRate', threshold: 0.9 }),
  )
  await slow(5, { service: 'web', success: false })
  const states = async () => (await list()).map(({ name, state }: { name: string; state: string }) => [name, state])
  await look()
  expect(await states()).toEqual([
    ['slow', 'ok'],
    ['of the web', 'firing'],
    ['of another model', 'ok'],
    ['of the prompt', 'firing'],
    ['too few', 'ok'],
    ['low', 'firing'],
  ])
  for (let n = 0; n < 3; n++) {
    now += minute
    await look()
  }
  expect((await states())[0]).toEqual(['slow', 'firing'])
  const about = (await told()).find(({ data }) => data.name === 'of the prompt')
  expect(about?.data).toMatchObject({ promptId: t.promptId, category: 'measured' })
})

test('a deviation from earlier hours fires, and what is usual does not', async () => {
  const usual = Array.from({ length: 30 }, (_, n) => n + 2).flatMap((ago) =>
    [100, 110, 120].map((latencyMs) =>
      t.event({ latencyMs: latencyMs + (ago % 5), occurredAt: iso(now - ago * 3_600_000), service: 'steady' }),
    ),
  )
  expect((await t.tell(...usual)).body.accepted).toBe(90)
  const deviating = {
    metric: 'latencyP95Ms',
    minimumEvents: 1,
    forMinutes: 0,
    deviations: 3.5,
    direction: 'either',
    scope: { service: 'steady' },
  }
  await put({ name: 'unusual', ...deviating })
  await t.tell(t.event({ latencyMs: 112, occurredAt: iso(now), service: 'steady' }))
  await look()
  expect((await list())[0]).toMatchObject({ state: 'ok', evaluation: { verdict: 'clear', deviation: expect.any(Number) } })
  await slow(3, { service: 'steady' })
  await look()
  expect((await list())[0]).toMatchObject({ state: 'firing', evaluation: { verdict: 'breached' } })
})

describe('a rule that fires and is changed', () => {
  const firing = async (...more: object[]) => {
    await put(rule(), ...more)
    await slow(3)
    await look()
    expect((await list())[0].state).toBe('firing')
    return (await told()).length
  }
  const cleared = async (before: number) => (await told()).slice(before).map(({ data }) => data.reason)

  test('goes on when only its description is another', async () => {
    const before = await firing()
    const [{ id }] = await list()
    const { body } = await put(rule({ description: 'New' }))
    expect([body.items[0].id, body.items[0].state, await cleared(before)]).toEqual([id, 'firing', []])
  })
  test('begins anew when it asks for something else', async () => {
    const before = await firing()
    const { body } = await put(rule({ threshold: 2_000 }))
    expect([body.items[0].state, body.items[0].evaluation, await cleared(before)]).toEqual(['ok', null, ['rule_changed']])
  })
  test('is cleared when it is removed', async () => {
    const before = await firing()
    expect((await put()).body.items).toEqual([])
    expect(await cleared(before)).toEqual(['rule_removed'])
  })
})

test.each([
  [{ threshold: undefined }, 422, '/items/0/threshold'],
  [{ deviations: 3 }, 422, '/items/0/threshold'],
  [{ scope: { promptId: '01234567-89ab-7def-8123-456789abcdef' } }, 422, '/items/0/scope/promptId'],
  [{ metric: 'luck' }, 400, '/items/0/metric'],
  [{ scope: { user: 'u' } }, 400, '/items/0/scope'],
  [{ windowHours: 0 }, 400, '/items/0/windowHours'],
])('a rule with %j is answered %i', async (more, status, pointer) => {
  const answer = await put(rule(more))
  expect([answer.status, answer.body.errors[0].pointer]).toEqual([status, expect.stringContaining(pointer)])
  expect(answer.body.code).toBe(status === 422 ? 'analytics.alert_invalid' : 'request.invalid')
})

test('whoever sees certain categories only reads the rules about their prompts, and sets none', async () => {
  const other = (await t.owner('POST', '/prompts', { category: 'elsewhere', name: 'two', content: 'x' })).body.id
  await put(rule(), rule({ name: 'mine', scope: { promptId: other } }), rule({ name: 'theirs', scope: { promptId: t.promptId } }))
  const permissions = ['prompts:read', 'analytics:read', 'analytics:manage']
  await t.owner('POST', '/roles', { name: 'part', permissions, categories: ['elsewhere'] })
  const key = (await t.owner('POST', '/api-keys', { name: 'part', role: 'part' })).body.key
  const limited: Call = (method, path, body) => t.owner(method, path, body, { authorization: `Bearer ${key}` })
  expect((await list(limited)).map(({ name }: { name: string }) => name)).toEqual(['mine'])
  expect((await limited('PUT', '/analytics/alerts', { items: [] })).status).toBe(403)
  const reader = await t.as('analytics:read')
  expect((await reader('PUT', '/analytics/alerts', { items: [] })).body.permission).toBe('analytics:manage')
})

test('rules of another workspace are looked at there, and stay there', async () => {
  const stranger = await t.stranger()
  await stranger('PUT', '/analytics/alerts', { items: [rule({ metric: 'requests', direction: 'below', threshold: 1, minimumEvents: 0 })] })
  await slow(3)
  await look()
  expect((await list(stranger))[0].state).toBe('firing')
  expect(await list()).toEqual([])
})
