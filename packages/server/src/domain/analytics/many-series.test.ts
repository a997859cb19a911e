import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

/** More than one trip brings; and more than one answer is made of. */
const [some, tooMany] = [2_500, 60_001]
let t: Measured

/** Day rows of further services, each as if it had had as many uses as its number. */
const addServices = (from: number, to: number) =>
  t.database.query(`
    with added as (
      insert into usage_series select workspace_id, n, prompt_id, version, label, provider, model, 'service ' || n, variant, operation
      from (select * from usage_series where id = 1) s, generate_series(${from}, ${to}) n returning workspace_id, id)
    insert into usage_rollup
    select (jsonb_populate_record(r, jsonb_build_object('series', a.id, 'requests', a.id))).* from usage_rollup r join added a using (workspace_id)
    where r.series = 1 and r.grain = 1`)
const sumTo = (n: number) => (n * (n + 1)) / 2

beforeAll(async () => {
  t = await startMeasured()
  await t.tell(t.event())
  await t.app.analytics.settle()
  await addServices(2, some)
})
afterAll(() => t.stop())

describe('with thousands of series', () => {
  const of = () => `promptId=${t.promptId}`

  test('the dashboard tells the 50 groups with the most uses, and of a filter everything that it lets pass', async () => {
    const { status, body } = await t.owner('GET', `/analytics/dashboard?groupBy=service&${of()}`)
    expect([status, body.groupCount, body.groups.length]).toEqual([200, some, 50])
    expect(body.groups.slice(0, 2).map(({ key, totals }: { key: string; totals: { requests: number } }) => [key, totals.requests])).toEqual(
      [
        [`service ${some}`, some],
        [`service ${some - 1}`, some - 1],
      ],
    )
    expect(body.groups[49]).toMatchObject({
      key: `service ${some - 49}`,
      points: [{ requests: some - 49, latencyMs: { p50: expect.closeTo(250, -1) } }],
    })
    expect([body.totals.requests, body.points.length, body.points[0].requests]).toEqual([sumTo(some), 1, sumTo(some)])
  })

  test('so do performance, use of a prompt and trends', async () => {
    const performance = (await t.owner('GET', `/analytics/performance?groupBy=service&limit=2&${of()}`)).body
    expect([performance.groupCount, performance.items.map(({ totals }: { totals: { requests: number } }) => totals.requests)]).toEqual([
      some,
      [some, some - 1],
    ])
    const prompt = (await t.owner('GET', `/analytics/prompts/${t.promptId}`)).body
    expect([prompt.totals.requests, prompt.versions.map(({ totals }: { totals: { requests: number } }) => totals.requests)]).toEqual([
      sumTo(some),
      [sumTo(some)],
    ])
  })

  test('beyond what one answer is made of it says so and what to do; the whole and drift are told still', async () => {
    await addServices(some + 1, tooMany)
    const refused = await t.owner('GET', `/analytics/dashboard?${of()}`)
    expect([refused.status, refused.body.code]).toEqual([422, 'analytics.question_invalid'])
    expect(refused.body.detail).toContain('Filter, take less time, or a coarser interval')
    const whole = await t.owner('GET', '/analytics/dashboard?groupBy=service')
    expect([whole.status, whole.body.groupCount, whole.body.groups[0].key]).toEqual([200, tooMany, `service ${tooMany}`])
    expect((await t.owner('GET', `/prompts/${t.promptId}/drift`)).status).toBe(200)
  })
})
