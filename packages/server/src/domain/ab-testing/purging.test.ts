import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { purgeOutcomes } from './store/purging.ts'
import { startTested, type Tested, workspaceId } from './testing/test-kit.ts'

let t: Tested
/** The time of the service. */
let now = Date.parse('2026-03-10T12:30:00.000Z')
const dayMs = 86_400_000
beforeAll(async () => {
  t = await startTested({ clock: () => new Date(now).toISOString() })
})
afterAll(() => t.stop())

/** What the job does each night. */
async function purge(): Promise<void> {
  const job = t.app.modules.flatMap(({ jobs = [] }) => jobs).find(({ name }) => name === 'ab_testing.purge_outcomes')!
  const principal = { id: 'jobs', workspaceId, permissions: new Set<string>(), instanceAdmin: false }
  await job.run({}, t.app.runtime.contextFor(principal, { requestId: 'test' }))
}
const keep = async (retentionDays: number) => expect((await t.owner('PUT', '/analytics/settings', { retentionDays })).status).toBe(200)
const raw = async (id: string) => (await t.database.query(`select 1 from ab_outcome where test_id = $1`, [id])).length
const figures = async (id: string) => {
  const { variants, comparisons, outcomes, sampleRatio } = await t.results(id)
  return { variants, comparisons, outcomes, sampleRatio }
}
const units = (prefix: string) => Array.from({ length: 12 }, (_, i) => `${prefix} ${i}`)
async function uses(id: string, prefix: string): Promise<void> {
  for (const [i, unitId] of units(prefix).entries()) {
    await t.select(id, unitId)
    await t.tell(id, { unitId, success: i % 3 > 0, latencyMs: 100 + i, note: `said by ${unitId}` })
  }
  await t.settle()
}

test('outcomes go when their workspace keeps them no longer; what is counted of them stays, is added to, and outlives a recount', async () => {
  const [old, young] = [await t.started(), await t.started()]
  await uses(old, 'early')
  const before = await figures(old)
  now += 40 * dayMs
  await uses(young, 'late')
  await purge()
  expect([await raw(old), await raw(young)]).toEqual([12, 12]) // 90 days unless told
  await keep(40)
  await purge()
  expect(await raw(old)).toBe(12) // the fortieth day is kept
  now += dayMs
  await purge()
  expect([await raw(old), await raw(young)]).toEqual([0, 12])
  expect(
    await t.database.query('select test_id as id, purged_before::text as before from ab_tally where purged_before is not null'),
  ).toEqual([{ id: old, before: '2026-03-11' }])
  expect(await figures(old)).toEqual(before)
  const counts = await t.counts()
  await t.app.abTesting.outcomes.recount()
  expect(await t.counts()).toEqual(counts)

  await uses(old, 'early') // who was there is there again, with the mean of all that it told
  await uses(old, 'new')
  const after = await figures(old)
  expect(after.outcomes.counted).toBe(36)
  expect(after.variants.map(({ units }) => units).reduce((sum, n) => sum + n, 0)).toBe(24)
  const more = await t.counts()
  await t.app.abTesting.outcomes.recount()
  expect(await t.counts()).toEqual(more)
})

test('what is not counted yet is not purged, neither is anything while all is to be counted anew', async () => {
  const id = await t.started()
  await uses(id, 'counted')
  const open = new pg.Client(t.database.url) // holds the horizon back
  await open.connect()
  await open.query('begin')
  await open.query('select pg_current_xact_id()')
  await t.tell(id, { unitId: 'counted 1', success: true })
  now += 60 * dayMs
  await purge()
  expect(await raw(id)).toBe(1)
  await open.query('rollback')
  await open.end()
  await t.settle()
  await t.app.database.within('system', 'write', async (db) => {
    await sql`update ab_fold set counted_by = null`.execute(db)
    expect(await purgeOutcomes(db, [{ workspaceId, from: '2030-01-01' }])).toBe(false)
    await sql`update ab_fold set counted_by = pg_current_xact_id()`.execute(db)
  })
  expect([await raw(id), (await figures(id)).outcomes.counted]).toEqual([1, 13])
  await purge()
  expect([await raw(id), (await figures(id)).outcomes.counted]).toEqual([0, 13])
})

test('a recount adds what came since the last count to a test whose outcomes were purged', async () => {
  await keep(40)
  const id = await t.started()
  await uses(id, 'first')
  now += 60 * dayMs
  await purge()
  const other = new pg.Client(t.database.url)
  await other.connect()
  await other.query('begin')
  await other.query('update ab_fold set counted_by = null') // nobody counts meanwhile
  await t.tell(id, ...units('first').map((unitId) => ({ unitId, success: true })))
  await other.query('commit')
  await other.end()
  await t.settle()
  expect((await figures(id)).outcomes.counted).toBe(24)
})

test('a person is erased from a test whose outcomes were purged, and its figures stay', async () => {
  await keep(40)
  const id = await t.started()
  await uses(id, 'guest')
  now += 60 * dayMs
  await purge()
  await t.tell(id, { unitId: 'guest 1', success: true, note: 'back again' })
  await t.settle()
  const before = await figures(id)
  expect(before.outcomes.counted).toBe(13)
  const hash = t.app.analytics.hashUser(workspaceId, 'guest 1')
  const { status, body } = await t.owner('DELETE', '/analytics/data-subjects/guest%201')
  expect([status, body.tests]).toEqual([200, 1])
  for (const table of ['ab_exposure', 'ab_outcome', 'ab_unit'])
    expect(await t.database.query(`select 1 from ${table} where unit_hash = decode('${hash}', 'hex')`)).toEqual([])
  expect(await figures(id)).toEqual(before)
  await t.app.abTesting.outcomes.recount()
  expect(await figures(id)).toEqual(before)
})

test('after a restore, where no transaction is known, such a test keeps what is counted of it and goes on', async () => {
  await keep(40)
  const [purged, whole] = [await t.started(), await t.started()]
  await uses(purged, 'first')
  now += 60 * dayMs
  await purge()
  await uses(purged, 'second')
  await uses(whole, 'second')
  const before = await t.counts()
  await t.database.query(`update ab_fold set horizon = '0', counted_by = null`)
  await t.settle()
  expect(await t.counts()).toEqual(before)
  await uses(purged, 'third')
  expect((await figures(purged)).outcomes.counted).toBe(36)
})

test('each workspace keeps outcomes for as long as it wants', async () => {
  const stranger = await t.stranger()
  const made = await stranger('POST', '/prompts', { category: 'c', name: 'n', content: 'Hi' })
  const variants = ['A', 'B'].map((key) => ({ key, promptId: made.body.id, version: 1 }))
  const { id } = (await stranger('POST', '/optimization/ab-tests', { name: 'theirs', variants, start: true })).body
  expect((await stranger('POST', `/optimization/ab-tests/${id}/results`, { unitId: 'u', success: true })).status).toBe(202)
  const mine = await t.started()
  await uses(mine, 'mine')
  now += 60 * dayMs
  await purge()
  expect([await raw(mine), await raw(id)]).toEqual([0, 1])
  now += 31 * dayMs
  await purge()
  expect(await raw(id)).toBe(0)
})
