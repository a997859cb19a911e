import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cloneDatabase, type TestDatabase } from '../../testing/index.ts'
import { type Audited, startAudited } from './testing/audit-kit.ts'

/** For a busy machine; sealing in the background takes about a second. */
const patience = { interval: 50 }
const workspaceId = '00000000-0000-7000-8000-000000000001'

let database: TestDatabase
const apps: Audited[] = []
beforeEach(async () => {
  database = await cloneDatabase()
})
afterEach(async () => {
  for (const app of apps.splice(0)) await app.stop()
  await database.drop()
})
const start = async (options: Parameters<typeof startAudited>[0] = {}): Promise<Audited> => {
  const app = await startAudited({ database, ...options })
  apps.push(app)
  return app
}

/** Every entry is in one block, once; blocks and positions are counted without gaps; and the chain verifies. */
async function expectSealed(t: Audited): Promise<void> {
  const wrong = await database.query(`
    with sealed as (select workspace_id, unnest(sequences) as sequence from audit_block)
    select 'entry ' || coalesce(e.sequence, s.sequence) as what from audit_entry e full join sealed s using (workspace_id, sequence)
      group by coalesce(e.sequence, s.sequence) having count(e.sequence) <> 1 or count(s.sequence) <> 1
    union all select 'numbers' from audit_block having count(*) <> max(number)
    union all select 'positions' from audit_block group by workspace_id having max(last_position) <> sum(cardinality(sequences))`)
  expect(wrong).toEqual([])
  expect(await t.verify()).toMatchObject({ ok: true, unsealed: 0, broken: null })
}

const session = async (): Promise<pg.Client> => {
  const client = new pg.Client(database.url)
  client.on('error', () => undefined)
  await client.connect()
  return client
}
const entry = `insert into audit_entry (workspace_id, at, actor, action, subject, request_id, data)
  values ('${workspaceId}', now(), 'test', 'test.happened', 'x', 'x', '{}')`

test('what was written is sealed by itself, soon after', async () => {
  const t = await start({ auditInBackground: true })
  for (let n = 0; n < 5; n++) await t.owner('POST', '/prompts', { content: `text ${n}` })
  await expect.poll(async () => (await t.verify()).unsealed, patience).toBe(0)
  await expect.poll(() => t.lines().length, patience).toBeGreaterThan(1)
  await expectSealed(t)
})

test('a transaction that commits late, with a lower number than what is sealed around it, is not missed', async () => {
  const t = await start()
  const late = await session()
  await late.query(`begin; ${entry}`)
  await t.owner('POST', '/prompts', { content: 'in between' })
  const settled = t.app.audit.settle()
  expect(await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, 500, 'waits'))])).toBe('waits')
  expect((await t.verify()).entries).toBe(0)
  await late.query('commit')
  await late.end()
  await settled
  const [first] = await database.query<{ sequences: string[] }>('select sequences from audit_block where height = 1')
  expect(first!.sequences).toEqual(['1', '2', '3'])
  await expectSealed(t)
})

test('what is written while the sealer waits for an earlier transaction is sealed soon after it, too', async () => {
  const t = await start({ auditInBackground: true })
  const late = await session()
  await late.query(`begin; ${entry}`)
  await t.owner('POST', '/prompts', { content: 'before the mark' })
  await sleep(1_500) // by now the mark is set
  await t.owner('POST', '/prompts', { content: 'after the mark' })
  await sleep(500) // and the last signal is over
  await late.query('commit')
  await late.end()
  await expect.poll(async () => t.verify(), patience).toMatchObject({ entries: 5, unsealed: 0 })
})

test('one that is rolled back leaves a gap in the numbers and none in the chain', async () => {
  const t = await start()
  const late = await session()
  await late.query(`begin; ${entry}`)
  await t.owner('POST', '/prompts', { content: 'in between' })
  await late.query('rollback')
  await late.end()
  await t.change(1)
  await expectSealed(t)
  expect((await t.verify()).entries).toBe(4)
})

test('a sealer that is killed in the middle, and started again, seals nothing twice and leaves nothing out', async () => {
  const t = await start()
  await t.change(2)
  for (let round = 0; round < 3; round++) {
    const obstacle = await session()
    await obstacle.query('begin; lock table audit_block in share mode') // it reads, works, and waits at its insert
    await t.owner('POST', '/prompts', { content: 'text' })
    const interrupted = t.app.audit.settle().catch((error: Error) => error)
    const waiting = `select pid from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'insert into "audit_block"%' and datname = current_database()`
    await expect.poll(async () => (await database.query(waiting)).length, patience).toBe(1)
    await database.query(`select pg_terminate_backend(pid) from (${waiting}) w`)
    expect(await interrupted).toBeInstanceOf(Error)
    await obstacle.query('rollback')
    await obstacle.end()
  }
  await t.change(1)
  await expectSealed(t)
  expect((await t.verify()).entries).toBe(12)
})

test('more than a batch, of several workspaces, is sealed in order', async () => {
  const t = await start()
  const stranger = await t.stranger()
  await database.query(
    `insert into audit_entry (workspace_id, at, actor, action, subject, request_id, data)
     select case when n % 3 = 0 then $1::uuid else $2::uuid end, now(), 'test', 'test.happened', n::text, 'x', '{"a":{"10":1,"9":[1.50,null,"é\u2028"]}}'
     from generate_series(1, 12001) n`,
    [stranger.workspaceId, workspaceId],
  )
  await t.app.audit.settle()
  await expectSealed(t)
  expect((await t.verify()).entries).toBe(8001)
  expect((await stranger('GET', '/audit/verify')).body).toMatchObject({ ok: true, entries: 4001, unsealed: 0 })
})

describe('two instances', () => {
  test('seal each entry once between them, and each keeps all checkpoints', async () => {
    const [one, two] = [await start({ auditInBackground: true }), await start({ auditInBackground: true })]
    await Promise.all(
      [one, two].flatMap((t, i) =>
        Array.from({ length: 25 }, (_, n) => t.owner('POST', '/prompts', { category: `of ${i}`, name: `${n}`, content: 'x' })),
      ),
    )
    await Promise.all([one, two, one, two].map((t) => t.app.audit.settle()))
    for (const t of [one, two]) {
      await expectSealed(t)
      expect((await t.verify()).entries).toBe(100)
    }
    const numbers = (t: Audited) => new Set(t.lines().flatMap((line) => /"number":(\d+)/.exec(line)?.[1] ?? []))
    const [{ last }] = (await database.query<{ last: string }>('select max(number) as last from audit_block')) as [{ last: string }]
    for (const t of [one, two]) expect(numbers(t)).toContain(last)
  })

  test('on one data folder share the file of checkpoints', async () => {
    const one = await start()
    const two = await start({ file: one.file })
    for (const t of [one, two, one]) await t.change(1)
    await Promise.all([one.change(1), two.change(1)])
    for (const t of [one, two]) expect(await t.verify()).toMatchObject({ ok: true, entries: 10 })
  })

  test('one that comes later begins its file where the chains stand', async () => {
    const one = await start()
    await one.change(2)
    const two = await start({ file: join(one.file, '..', 'later.ndjson') })
    await one.change(1)
    await two.app.audit.settle()
    expect(await two.verify()).toMatchObject({ ok: true, entries: 6, checkpoints: { compared: 2, position: 6 } })
    await one.tamper(`update audit_entry set actor = 'x' where sequence = 1`)
    expect((await two.verify()).broken).toMatchObject({ kind: 'edited', position: 1 })
  })
})

test('a clock that jumps, forwards and back, changes nothing in the order', async () => {
  let offset = 0
  const t = await start({ clock: () => new Date(Date.now() + offset).toISOString() })
  for (offset of [0, 86_400_000, -86_400_000, 0]) await t.change(1)
  await expectSealed(t)
  const { items } = (await t.owner('GET', '/audit?action=prompt.created')).body
  expect(items.map(({ sequence }: { sequence: number }) => sequence)).toEqual([7, 5, 3, 1])
})

test('a file that cannot be written stops neither the service nor the sealing, and the verification tells of it', async () => {
  const nowhere = { auditCheckpoints: '/dev/null/audit.ndjson' }
  const t = await start(nowhere)
  await t.change(1)
  expect(await t.verify()).toMatchObject({ ok: true, entries: 2, checkpoints: { compared: 0 } })
  const later = await start({ ...nowhere, clock: () => new Date(Date.now() + 120_000).toISOString() })
  expect((await later.verify()).broken).toMatchObject({ kind: 'checkpoints_behind' })
})
