import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTested, type Tested } from './testing/test-kit.ts'

let t: Tested
beforeAll(async () => {
  t = await startTested()
})
afterAll(() => t.stop())

const holding = async (unitId: string) => {
  const hash = t.app.analytics.hashUser('00000000-0000-7000-8000-000000000001', unitId)
  const found: Record<string, number> = {}
  for (const table of ['ab_exposure', 'ab_outcome', 'ab_unit']) {
    const rows = await t.database.query<{ n: number }>(`select count(*)::int as n from ${table} where unit_hash = decode('${hash}', 'hex')`)
    found[table] = rows[0]!.n
  }
  return found
}

test('an erased person stands in no test any more, and what is counted is the same, even after a recount', async () => {
  const [one, other] = [await t.started(), await t.started()]
  for (const id of [one, other])
    for (const unitId of ['eve', 'bob', 'ann']) {
      await t.select(id, unitId)
      await t.tell(id, { unitId, success: unitId !== 'ann', latencyMs: 100, note: `said by ${unitId}` })
    }
  await t.settle()
  expect(await holding('eve')).toMatchObject({ ab_exposure: 2, ab_outcome: 2 })
  const before = [await t.results(one), await t.results(other)].map(({ variants, outcomes }) => ({ variants, outcomes }))
  const { status, body } = await t.owner('DELETE', '/analytics/data-subjects/eve')
  expect([status, body.tests]).toEqual([200, 2])
  expect(await holding('eve')).toEqual({ ab_exposure: 0, ab_outcome: 0, ab_unit: 0 })
  expect((await holding('bob')).ab_exposure).toBe(2)
  expect(await t.database.query(`select 1 from ab_outcome where metadata::text like '%eve%'`)).toEqual([])
  const exposed = await t.database.query<{ n: number }>('select count(distinct unit_hash)::int as n from ab_exposure')
  expect(exposed[0]!.n).toBe(4) // bob and ann, and nobody in each test: the two cannot be put together
  const after = async () => [await t.results(one), await t.results(other)].map(({ variants, outcomes }) => ({ variants, outcomes }))
  expect(await after()).toEqual(before)
  await t.app.abTesting.outcomes.recount()
  expect(await after()).toEqual(before)
  expect((await t.owner('DELETE', '/analytics/data-subjects/eve')).body.tests).toBe(0)
})

test('the summary tells which tests run, to those who may see tests, and which alerts are open', async () => {
  const id = await t.started({ name: 'seen in the summary' })
  const summary = (await t.owner('GET', '/analytics/summary')).body
  expect(summary.runningTests[0]).toMatchObject({ id, name: 'seen in the summary', startedAt: expect.any(String) })
  expect(summary.openAlerts).toEqual([])
  await t.owner('POST', '/roles', { name: 'figures', permissions: ['prompts:read', 'analytics:read'] })
  const { key } = (await t.owner('POST', '/api-keys', { name: 'figures', role: 'figures' })).body
  const limited = await t.owner('GET', '/analytics/summary', undefined, { authorization: `Bearer ${key}` })
  expect([limited.status, limited.body.runningTests]).toEqual([200, []])
  await t.owner('POST', `/optimization/ab-tests/${id}/end`, {})
  expect((await t.owner('GET', '/analytics/summary')).body.runningTests.map((one: { id: string }) => one.id)).not.toContain(id)
})
