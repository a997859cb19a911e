import { sql } from 'kysely'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import type { Db } from '../../core/db.ts'
import { isAppError } from '../../core/errors.ts'
import { Unavailable } from '../../core/problem.ts'
import { cloneDatabase } from '../../testing/index.ts'
import { Client, PatientClient } from './client.ts'
import { openDatabase } from './database.ts'
import { openSystemPool } from './system.ts'

const workspaceId = '00000000-0000-7000-8000-000000000001'

async function opened(max = 1) {
  const cloned = await cloneDatabase()
  const database = openDatabase({ url: cloned.url, max, pooled: false, onError: () => undefined })
  onTestFinished(async () => {
    await database.close()
    await cloned.drop()
  })
  return { ...cloned, database }
}

/** The failure of a transaction. */
const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.unreachable('it did not fail'),
    (error) => error,
  )
const state = (db: Db) =>
  sql<{
    role: string
    workspace: string
    pid: number
  }>`select current_user as role, current_setting('app.workspace_id', true) as workspace, pg_backend_pid() as pid`
    .execute(db)
    .then(({ rows }) => rows[0]!)
const raise = (code: string) => (db: Db) => sql.raw(`do $$ begin raise exception using errcode = '${code}'; end $$`).execute(db)

test.each(['53200', '53100', '57014', '55P03', '22012'])(
  'after a failure with %s the connection is as good as new: no transaction is left open on it',
  async (code) => {
    const { database } = await opened()
    const error = await failureOf(database.within({ workspaceId }, 'write', raise(code)))
    expect(isAppError(error, Unavailable)).toBe(code !== '22012')
    const other = '00000000-0000-7000-8000-000000000002'
    expect(await database.within({ workspaceId: other }, 'read', state)).toMatchObject({ role: 'ps_app', workspace: other })
    expect(await database.within('system', 'read', state)).toMatchObject({ role: 'ps_system' })
    expect(await database.within({ workspaceId: other }, 'write', state)).toMatchObject({ role: 'ps_app', workspace: other })
  },
)

test('a statement that the beginning of its transaction has failed under sees nothing and changes nothing', async () => {
  const { database, query } = await opened()
  await query(`insert into workspace (id, name, created_at) values ($1, 'theirs', now())`, [workspaceId.replace(/1$/, '7')])
  const pid = (await database.within({ workspaceId }, 'read', state)).pid
  // What a session is without the preamble: the role of the pool, and no workspace.
  const seen = await database.within({ workspaceId }, 'write', async (db) => {
    await sql`commit`.execute(db)
    expect((await state(db)).pid).toBe(pid)
    const { rows } = await sql<{ n: number }>`select count(*)::int as n from workspace`.execute(db)
    return [rows[0]!.n, await failureOf(sql`insert into document (id, title) values (gen_random_uuid(), 'x')`.execute(db))]
  })
  expect(seen).toEqual([0, expect.objectContaining({ code: expect.stringMatching(/^(23502|42501)$/) })])
})

test('a statement beyond its time is 503, not a 500', async () => {
  const { database } = await opened()
  const slow = database.within({ workspaceId }, 'read', async (db) => {
    await sql`set local statement_timeout = 50`.execute(db)
    await sql`select pg_sleep(10)`.execute(db)
  })
  expect(isAppError(await failureOf(slow), Unavailable)).toBe(true)
})

test('a connection that is ended in the midst of a transaction is 503, and the next transaction gets another', async () => {
  const { database, query } = await opened()
  let ended = 0
  const work = database.within({ workspaceId }, 'write', async (db) => {
    ended = (await state(db)).pid
    await query('select pg_terminate_backend($1)', [ended])
    await state(db)
  })
  expect(isAppError(await failureOf(work), Unavailable)).toBe(true)
  expect((await database.within({ workspaceId }, 'read', state)).pid).not.toBe(ended)
  await expect.poll(database.pool).toEqual({ total: 1, idle: 1, waiting: 0 })
})

test('a caller that swallows the failure of a statement is told that nothing was committed', async () => {
  const { database } = await opened()
  const work = database.within({ workspaceId }, 'write', (db) => raise('22012')(db).catch(() => undefined))
  expect(((await failureOf(work)) as Error).message).toContain('failed before its commit')
})

test('two transactions that wait for each other both come through: the database’s wish for another try is granted', async () => {
  const { database, query } = await opened(2)
  await query('create table counter (id int primary key, n int not null)')
  await query('insert into counter values (1, 0), (2, 0)')
  await query('grant all on counter to ps_system')
  let [tries, holding] = [0, 0]
  const { promise: eachHoldsOne, resolve } = Promise.withResolvers<void>()
  const bump = (first: number, second: number) =>
    database.within('system', 'write', async (db) => {
      tries++
      await sql`update counter set n = n + 1 where id = ${first}`.execute(db)
      if (++holding === 2) resolve()
      await eachHoldsOne
      await sql`update counter set n = n + 1 where id = ${second}`.execute(db)
    })
  await Promise.all([bump(1, 2), bump(2, 1)])
  expect(await query('select n from counter')).toEqual([{ n: 2 }, { n: 2 }])
  expect(tries).toBeGreaterThan(2) // how often they meet again is up to the machine
})

test('reads see one snapshot and can change nothing', async () => {
  const { database, query } = await opened(2)
  await query('create table fact (n int)')
  await query('grant all on fact to ps_system')
  const counted = database.within('system', 'read', async (db) => {
    const count = async () => (await sql<{ n: number }>`select count(*)::int as n from fact`.execute(db)).rows[0]!.n
    const before = await count()
    await query('insert into fact values (1)')
    return [before, await count()]
  })
  expect(await counted).toEqual([0, 0])
  expect(
    ((await failureOf(database.within('system', 'read', (db) => sql`insert into fact values (2)`.execute(db)))) as { code: string }).code,
  ).toBe('25006')
})

test('a read whose beginning failed hands on nothing, and its failure is what is told', async () => {
  const { url, query, drop } = await cloneDatabase()
  const login = `stranger_${Date.now()}`
  await query(`create role ${login} login`)
  const limited = openDatabase({ url: url.replace('//postgres@', `//${login}@`), max: 1, pooled: false, onError: () => undefined })
  onTestFinished(async () => {
    await limited.close()
    await query(`drop role ${login}`)
    await drop()
  })
  let told: unknown
  const read = limited.within({ workspaceId }, 'read', async (db) => {
    told = await state(db)
  })
  expect(((await failureOf(read)) as { code: string }).code).toBe('42501')
  expect(told).toBeUndefined()
})

test.each([false, true])('a read across workspaces goes on in one of them, and stays there (behind a pooler: %s)', async (pooled) => {
  const { url, drop } = await cloneDatabase()
  const database = openDatabase({ url, max: 1, pooled, onError: () => undefined })
  onTestFinished(async () => {
    await database.close()
    await drop()
  })
  let held: Db | undefined
  const seen = await database.within('system', 'read', async (db) => {
    held = db
    const before = await state(db)
    await database.narrow(db, { workspaceId, categories: ["it's"] })
    const limit = await sql<{ categories: string }>`select current_setting('app.categories') as categories`.execute(db)
    return [before, await state(db), limit.rows[0]]
  })
  expect(seen).toMatchObject([{ role: 'ps_system' }, { role: 'ps_app', workspace: workspaceId }, { categories: '["it\'s"]' }])
  await expect(database.narrow(held!, { workspaceId })).rejects.toThrow('goes on')
  await expect(database.within('system', 'write', (db) => database.narrow(db, { workspaceId }))).rejects.toThrow('goes on')
  expect(await database.within('system', 'read', state)).toMatchObject({ role: 'ps_system' })
})

test.each([false, true])('no statement is compiled, however dear it is taken to be (behind a pooler: %s)', async (pooled) => {
  const { url, drop } = await cloneDatabase()
  const database = openDatabase({ url, max: 1, pooled, onError: () => undefined })
  const system = openSystemPool(url, () => undefined)
  const session = await system.connect()
  onTestFinished(async () => {
    await Promise.all([database.close(), system.close(), session.end()])
    await drop()
  })
  const shown = sql<{ jit: string }>`show jit`
  expect(await system.query('show jit')).toEqual([{ jit: 'off' }])
  expect((await session.query('show jit')).rows).toEqual([{ jit: 'off' }])
  for (const scope of ['system', { workspaceId }] as const)
    for (const mode of ['read', 'write'] as const)
      expect((await database.within(scope, mode, (db) => shown.execute(db))).rows).toEqual([{ jit: 'off' }])
})

test('a workspace that is no UUID never reaches the database', async () => {
  const { database } = await opened()
  expect(((await failureOf(database.within({ workspaceId: `x'; reset role; --` }, 'read', state))) as Error).message).toContain('UUID')
})

test('a client whose query ran into its time limit is not given to anybody else', async () => {
  const { url, drop } = await cloneDatabase()
  const pool = new pg.Pool({ connectionString: url, max: 1, query_timeout: 2_000, Client: PatientClient })
  pool.on('error', () => undefined)
  onTestFinished(async () => {
    await pool.end()
    await drop()
  })
  const client = await pool.connect()
  client.on('error', () => undefined)
  const { rows } = await client.query('select pg_backend_pid() as pid')
  await expect(client.query('select pg_sleep(20)')).rejects.toThrow('Query read timeout')
  await expect(client.query('rollback')).rejects.toThrow('not queryable')
  client.release()
  expect((await pool.query('select pg_backend_pid() as pid')).rows[0].pid).not.toBe(rows[0].pid)
})

test('a text that begins with its name is prepared once per connection; behind a transaction pooler it is not', async () => {
  const { url, drop } = await cloneDatabase()
  onTestFinished(drop)
  const prepared = async (kind: typeof pg.Client) => {
    const client = new kind(url)
    await client.connect()
    for (let n = 0; n < 3; n++) expect((await client.query('/*hot:twice*/ select $1::int * 2 as n', [n])).rows).toEqual([{ n: n * 2 }])
    const { rows } = await client.query('select name from pg_prepared_statements')
    await client.end()
    return rows
  }
  expect(await prepared(Client)).toEqual([{ name: 'twice' }])
  expect(await prepared(PatientClient)).toEqual([])
})

test('whatever works across workspaces does so as ps_system from its first statement on, also when many begin at once', async () => {
  const { url, drop } = await cloneDatabase()
  const system = openSystemPool(url, () => undefined)
  onTestFinished(async () => {
    await system.close()
    await drop()
  })
  const roles = await Promise.all(Array.from({ length: 12 }, () => system.query<{ role: string }>('select current_user as role')))
  expect(new Set(roles.flat().map(({ role }) => role))).toEqual(new Set(['ps_system']))
  const own = await system.connect()
  expect((await own.query('select current_user as role')).rows).toEqual([{ role: 'ps_system' }])
  await own.end()
})

test('an address where nothing listens is 503', async () => {
  const database = openDatabase({ url: 'postgresql://postgres@127.0.0.1:1/none', max: 1, pooled: false, onError: () => undefined })
  onTestFinished(() => database.close())
  expect(isAppError(await failureOf(database.within({ workspaceId }, 'read', state)), Unavailable)).toBe(true)
  const system = openSystemPool('postgresql://postgres@127.0.0.1:1/none', () => undefined)
  expect(isAppError(await failureOf(system.query('select 1')), Unavailable)).toBe(true)
  await expect(system.connect()).rejects.toThrow()
  await system.close()
})
