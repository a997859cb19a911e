import { afterAll, beforeAll, expect, test } from 'vitest'
import { foldPass } from './jobs/fold.ts'
import { purge } from './jobs/purge.ts'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

let t: Measured
const day = 86_400_000
const now = Date.now()
const ago = (days: number) => new Date(now - days * day).toISOString()
beforeAll(async () => {
  t = await startMeasured()
  await t.owner('PUT', '/analytics/settings', { userIds: 'plain' })
  const experiment = { testId: 't', unitId: 'u', variant: 'b' }
  const told = await t.tell(
    t.event({ userId: 'eve', sessionId: 's', traceId: 'x', occurredAt: ago(3), metadata: { note: '=cmd()' }, experiment }),
    t.event({ userId: 'eve', success: false, errorType: 'time,out "long"', occurredAt: ago(1), model: '=HYPERLINK(1)' }),
    t.event({ userId: 'bob', occurredAt: ago(1), costUsd: 0.5 }),
    t.event({ userId: 'bob', occurredAt: ago(20) }),
  )
  expect(told.body.accepted).toBe(4)
  await t.owner('POST', '/analytics/satisfaction', { promptId: t.promptId, rating: 5, comment: 'Good', userId: 'eve', occurredAt: ago(2) })
  await t.app.analytics.settle()
})
afterAll(() => t.stop())

const across: Parameters<typeof purge>[0]['system'] = (work, mode = 'write') => t.app.database.within('system', mode, work)

const lines = async (query = '') => (await t.owner('GET', `/analytics/export${query}`)).text.split('\n').slice(0, -1)

test('the export tells single events of a time, as NDJSON', async () => {
  const events = (await lines()).map((line) => JSON.parse(line))
  expect(events.map(({ kind, userId }) => [kind, userId])).toEqual([
    ['usage', 'eve'],
    ['satisfaction', 'eve'],
    ['usage', 'eve'],
    ['usage', 'bob'],
  ])
  expect(events[0]).toMatchObject({
    promptId: t.promptId,
    version: 1,
    latencyMs: 250,
    variant: 't/b',
    sessionId: 's',
    traceId: 'x',
    success: true,
  })
  expect(events[1]).toMatchObject({ score: 1, comment: 'Good', latencyMs: null, success: null })
  expect(await lines(`?from=${ago(30)}&to=${ago(10)}`)).toHaveLength(1)
})

test('and as CSV that no spreadsheet runs', async () => {
  const [head, ...rows] = await lines('?format=csv')
  expect(head).toMatch(/^occurredAt,kind,promptId,version/)
  expect(rows).toHaveLength(4)
  expect(rows.join()).toContain(`'=HYPERLINK(1)`)
  expect(rows.join()).toContain('"time,out ""long"""')
})

test('many pages of a day come whole, each event once', async () => {
  for (let n = 0; n < 3; n++)
    expect(
      (
        await t.tell(
          ...Array.from({ length: 1000 }, (_, i) => t.event({ occurredAt: ago(5), metadata: { n: n * 1000 + i, pad: 'x'.repeat(900) } })),
        )
      ).body.accepted,
    ).toBe(1000)
  const told = (await lines(`?from=${ago(6)}&to=${ago(4)}`)).map((line) => JSON.parse(line).metadata.n)
  expect(new Set(told).size).toBe(3000)
  expect(told).toHaveLength(3000)
})

test('an export that makes no sense is refused', async () => {
  const answer = await t.owner('GET', `/analytics/export?from=${ago(1)}&to=${ago(2)}`)
  expect([answer.status, answer.body.code]).toEqual([422, 'analytics.question_invalid'])
})

test('an erased person is in no event and no sum, and what was counted of prompts stays', async () => {
  // A use may know her as a test's unit alone.
  const use = { promptId: t.promptId, provider: 'openai', model: 'gpt-4o', inputTokens: 1, outputTokens: 1, latencyMs: 1, success: true }
  await t.tell({ ...use, experiment: { testId: 'elsewhere', unitId: 'eve' } })
  const before = (await t.owner('GET', '/analytics/dashboard')).body.totals
  const { status, body } = await t.owner('DELETE', '/analytics/data-subjects/eve')
  expect([status, body.events, body.days]).toEqual([200, 4, 2])
  const text = (await lines(`?from=${ago(30)}`)).join()
  expect([text.includes('eve'), text.includes('Good'), text.includes('bob')]).toEqual([false, false, true])
  expect((await t.owner('GET', '/analytics/dashboard')).body.totals).toEqual(before)
  expect((await t.owner('GET', '/analytics/usage?groupBy=user')).body.items).toHaveLength(1)
  expect((await t.owner('DELETE', '/analytics/data-subjects/eve')).body.events).toBe(0)
  const told = await t.database.query(`select 1 from outbox where type = 'analytics.person_erased'`)
  expect(told).toHaveLength(2)
})

test('events are kept as long as their workspace wants; what is counted stays, and so it is after a rebuild', async () => {
  const counted = () =>
    t.database.query(`select at, series, requests from usage_rollup where grain = 1 and at < now() - interval '10 days' order by 1, 2`)
  const before = await counted()
  expect(before.length).toBeGreaterThan(0)
  await t.owner('PUT', '/analytics/settings', { retentionDays: 10 })
  await t.database.query(`update usage_event_id set received_on = received_on - 31`)
  await purge({ system: across }, now)
  expect(await lines(`?from=${ago(30)}&to=${ago(11)}`)).toEqual([])
  expect(await lines(`?from=${ago(9)}&to=${ago(4)}`)).toHaveLength(3000)
  await t.app.analytics.rebuild(now - 40 * day, now + day)
  expect(await counted()).toEqual(before)
  const days = await t.database.query<{ ahead: number }>(
    `select count(*)::int as ahead from usage_day where day > now() at time zone 'UTC'`,
  )
  expect(days[0]!.ahead).toBe(2)
})

test('events are not kept again because their workspace wants to keep them longer, and what was counted of them stays', async () => {
  const uses = async () => (await t.owner('GET', `/analytics/dashboard?from=${ago(30)}&interval=day`)).body.totals.requests
  await t.stranger() // who keeps the days, so that they do not go as a whole
  expect((await t.tell(t.event({ occurredAt: ago(8) }), t.event({ occurredAt: ago(9) }))).body.accepted).toBe(2)
  await t.app.analytics.settle()
  const before = await uses()
  await t.owner('PUT', '/analytics/settings', { retentionDays: 7 })
  await purge({ system: across }, now)
  expect(await lines(`?from=${ago(10)}&to=${ago(7.5)}`)).toEqual([])
  await t.owner('PUT', '/analytics/settings', { retentionDays: 60 })
  await t.database.query(`update usage_fold set recount_before = 'infinity'`)
  for (let more = true; more; ) more = (await t.app.database.within('system', 'write', (db) => foldPass(db)))?.more ?? true
  expect(await t.database.query('select 1 from usage_fold where recount_before is null')).toHaveLength(1)
  expect(await uses()).toBe(before)
  await t.database.query(`update usage_fold set counted_by = null`) // as after a restore
  await t.app.analytics.settle()
  expect(await uses()).toBe(before)
  await t.app.analytics.rebuild(now - 40 * day, now + day)
  expect(await uses()).toBe(before)
})

test('a purge goes day by day, goes on where it was stopped, and takes what came late', async () => {
  const marked = async () => (await t.database.query<{ before: string }>('select before::text from usage_purged'))[0]!.before
  const date = (days: number) => ago(days).slice(0, 10)
  expect(await marked()).toBe(date(7))
  await t.owner('PUT', '/analytics/settings', { retentionDays: 2 })
  const steps: unknown[] = []
  const stopping = new AbortController()
  const system: typeof across = (work, mode = 'write') => {
    steps.push(mode)
    if (steps.length === 5) stopping.abort(new Error('enough'))
    return across(work, mode)
  }
  await expect(purge({ system }, now, stopping.signal)).rejects.toThrow('enough')
  const half = await marked()
  expect([half >= date(7), half < date(2)]).toEqual([true, true])
  await t.owner('PUT', '/analytics/settings', { retentionDays: 5 })
  expect((await t.tell(t.event({ occurredAt: ago(4) }))).body.accepted).toBe(1)
  await t.owner('PUT', '/analytics/settings', { retentionDays: 2 })
  await purge({ system: across }, now)
  expect(await marked()).toBe(date(2))
  expect(await lines(`?from=${ago(30)}&to=${ago(3)}`)).toEqual([])
})

test('days that no workspace keeps go as whole partitions', async () => {
  const partitions = async () =>
    (await t.database.query(`select 1 from pg_class where relnamespace = 'usage_days'::regnamespace and relkind = 'r'`)).length
  const before = await partitions()
  await purge({ system: across }, now + 95 * day)
  expect(await partitions()).toBeLessThan(before)
  expect((await t.database.query<{ n: number }>('select count(*)::int as n from usage_event'))[0]!.n).toBe(0)
})
