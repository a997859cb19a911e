import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { startTested } from '../domain/ab-testing/testing/test-kit.ts'
import { migrate } from '../infrastructure/postgres/migrate.ts'
import { type Call, cloneDatabase, startTestApp, type TestApp, type TestDatabase } from '../testing/index.ts'

/** As far as the other server's transactions were ahead of this one's. */
const ahead = 1_000_000_000
const moved = (column: string) => `${column} = (${column}::text::bigint + ${ahead})::text::xid8`

/** As if the database had been dumped on a server that has come further, and brought into this one. */
async function move(database: TestDatabase): Promise<void> {
  for (const table of ['usage_event', 'ab_exposure', 'ab_outcome', 'search_vector'])
    await database.query(`update ${table} set ${moved('xid')}`)
  await database.query(`update usage_fold set ${moved('horizon')}`)
  await database.query(`update ab_fold set ${moved('horizon')}, ${moved('recount_to')}`)
}

/** Nothing is counted until the end of it: a service that has just been told has no time to. */
async function withoutCounting(database: TestDatabase, work: () => Promise<void>): Promise<void> {
  const client = new pg.Client(database.url)
  await client.connect()
  try {
    await client.query('begin; select from usage_fold, ab_fold for update')
    await work()
  } finally {
    await client.end()
  }
}

const measure = (owner: Call, promptId: string) =>
  owner('POST', '/analytics/usage', {
    items: [{ promptId, version: 1, provider: 'openai', model: 'gpt-4o', inputTokens: 10, outputTokens: 1, latencyMs: 5, success: true }],
  })

async function counted({ app, owner, database }: TestApp, testId: string) {
  await app.abTesting.settle()
  await app.analytics.settle()
  const [usage] = await database.query<{ n: number }>('select sum(requests)::int as n from usage_rollup where grain = 2 and series = 0')
  const variants: { n: number; exposedUnits: number }[] = (await owner('GET', `/ab-tests/${testId}/results`)).body.variants
  const sum = (field: 'n' | 'exposedUnits') => variants.reduce((total, variant) => total + variant[field], 0)
  return { uses: usage!.n, outcomes: sum('n'), units: sum('exposedUnits') }
}
const renumbered = async (database: TestDatabase) =>
  (await database.query<{ any: boolean }>('select renumber_transactions() as any'))[0]!.any

test('a database from a server that has come further goes on: what was counted stays counted, what was not is, and what is new', {
  timeout: 300_000,
}, async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const before = await startTested({ database })
  const { promptId } = before
  const testId = await before.started()
  for (const unitId of ['a', 'b', 'c']) await before.select(testId, unitId)
  await before.tell(testId, { unitId: 'a', success: true })
  await measure(before.owner, promptId)
  expect(await counted(before, testId)).toEqual({ uses: 1, outcomes: 1, units: 3 })
  await withoutCounting(database, async () => {
    await before.tell(testId, { unitId: 'b', success: true })
    await measure(before.owner, promptId)
    await before.stop()
  })
  expect(await renumbered(database)).toBe(false)
  await move(database)
  expect(await migrate(database.url)).toEqual([])
  expect(await renumbered(database)).toBe(false)
  const now = await startTestApp({ database })
  onTestFinished(() => now.stop())
  await now.owner('POST', `/optimization/ab-tests/${testId}/results`, { items: [{ unitId: 'c', success: true }] })
  await measure(now.owner, promptId)
  expect(await counted(now, testId)).toEqual({ uses: 3, outcomes: 3, units: 3 })
})

test('no column with numbers of transactions is forgotten', async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const found = await database.query<{ name: string }>(
    `select table_name || '.' || column_name as name from information_schema.columns where udt_name = 'xid8' and table_schema = 'public' order by 1`,
  )
  const renumbered = [
    'ab_exposure.xid',
    'ab_fold.horizon',
    'ab_fold.recount_to',
    'ab_outcome.xid',
    'search_vector.xid',
    'usage_event.xid',
    'usage_fold.horizon',
  ]
  const ofTheMoment = ['ab_fold.counted_by', 'audit_entry.xid', 'idempotency_key.xid', 'outbox.xid', 'usage_fold.counted_by']
  expect(found.map(({ name }) => name)).toEqual([...renumbered, ...ofTheMoment].sort())
})
