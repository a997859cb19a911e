import { sql } from 'kysely'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { cloneDatabase, startTestApp, type TestDatabase } from '../testing/index.ts'
import { settledBefore } from './horizon.ts'

/** A transaction that writes, and stays open. */
async function underWay({ url }: TestDatabase) {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('begin')
  const { rows } = await client.query<{ id: string }>('select pg_current_xact_id()::text as id')
  return { id: BigInt(rows[0]!.id), end: () => client.query('commit').then(() => client.end()) }
}

test('the horizon is the oldest transaction of the own database; those of others on the server are not waited for', async () => {
  const t = await startTestApp()
  onTestFinished(() => t.stop())
  const other = await cloneDatabase()
  onTestFinished(() => other.drop())
  const now = () =>
    t.app.database.within('system', 'read', async (db) =>
      BigInt((await db.selectNoFrom(sql<string>`${settledBefore}::text`.as('id')).executeTakeFirstOrThrow()).id),
    )
  const elsewhere = await underWay(other)
  await expect.poll(now).toBeGreaterThan(elsewhere.id)
  const here = await underWay(t.database)
  const later = await underWay(t.database)
  expect(here.id).toBeGreaterThan(elsewhere.id)
  await expect.poll(now).toBe(here.id)
  await later.end()
  expect(await now()).toBe(here.id)
  await here.end()
  await expect.poll(now).toBeGreaterThan(later.id)
  await elsewhere.end()
})

test('measurements are counted, and the trail is sealed, while a transaction of another database goes on', async () => {
  const t = await startTestApp()
  onTestFinished(() => t.stop())
  const other = await cloneDatabase()
  onTestFinished(() => other.drop())
  const elsewhere = await underWay(other)
  onTestFinished(elsewhere.end)
  const { body } = await t.owner('POST', '/prompts', { category: 'c', name: 'measured', content: 'Hi' })
  const use = {
    promptId: body.id,
    version: 1,
    provider: 'openai',
    model: 'gpt-4o',
    inputTokens: 9,
    outputTokens: 9,
    latencyMs: 9,
    success: true,
  }
  expect((await t.owner('POST', '/analytics/usage', { items: [use] })).status).toBe(202)
  await expect.poll(() => t.database.query(`select 1 from usage_event, usage_fold where xid < horizon`)).toEqual([expect.anything()])
  await t.app.audit.settle()
})
