import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { launchProcess } from '../../faults/testing/installation.ts'
import { cloneDatabase, type TestDatabase } from '../../testing/index.ts'
import { type Migration, migrate, migrations } from './migrate.ts'

const names = migrations().map(({ name }) => name)
const later = (n: number, sql: string, checksum = sql): Migration => ({ name: `900${n}_later.sql`, sql, checksum })

/** A database in which nothing was ever done. */
async function emptyDatabase(): Promise<TestDatabase> {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  for (const statement of ['drop schema public cascade', 'drop schema if exists pgboss cascade', 'create schema public'])
    await database.query(statement)
  return database
}

const applied = async (database: TestDatabase) =>
  (await database.query<{ name: string }>('select name from schema_migration order by name')).map(({ name }) => name)
const exists = async (database: TestDatabase, table: string) =>
  (await database.query<{ is: boolean }>('select to_regclass($1) is not null as is', [table]))[0]!.is

test('an empty database is brought up to date once; the second time there is nothing to do', async () => {
  const database = await emptyDatabase()
  expect(await migrate(database.url)).toEqual(names)
  expect(await migrate(database.url)).toEqual([])
  expect(await applied(database)).toEqual(names)
  const owners = await database.query<{ owner: string }>(
    `select distinct tableowner as owner from pg_tables where schemaname in ('public', 'pgboss')`,
  )
  expect(owners).toEqual([{ owner: 'ps_owner' }])
})

test('a plan says what would be done and does nothing', async () => {
  const database = await emptyDatabase()
  expect(await migrate(database.url, { plan: true })).toEqual(names)
  expect([await exists(database, 'public.schema_migration'), await exists(database, 'public.prompt')]).toEqual([false, false])
  await migrate(database.url)
  expect(await migrate(database.url, { plan: true })).toEqual([])
})

test('four processes at once bring an empty database up to date between them', async () => {
  const database = await emptyDatabase()
  const admin = join(import.meta.dirname, '..', '..', 'admin.ts')
  const processes = Array.from({ length: 4 }, () => launchProcess(admin, { DATABASE_URL: database.url }, ['migrate']))
  for (const one of processes) expect(await one.ended, one.output()).toEqual({ code: 0, signal: null })
  expect(await applied(database)).toEqual(names)
})

test('a file that was changed after it had been applied is refused, and nothing is done', async () => {
  const database = await emptyDatabase()
  await migrate(database.url)
  const known = [...migrations().map((m, i) => (i === 1 ? { ...m, checksum: 'another' } : m)), later(1, 'create table addition (n int)')]
  for (const plan of [true, false])
    await expect(migrate(database.url, { known, plan })).rejects.toThrow(`${names[1]} was changed after it had been applied`)
  expect(await exists(database, 'public.addition')).toBe(false)
})

test('a later version adds what is its own, and the earlier one still starts beside it', async () => {
  const database = await emptyDatabase()
  await migrate(database.url)
  const known = [...migrations(), later(1, 'create table addition (n int)')]
  expect(await migrate(database.url, { known })).toEqual(['9001_later.sql'])
  expect(await migrate(database.url)).toEqual([])
  expect(await migrate(database.url, { known })).toEqual([])
  expect(await applied(database)).toEqual([...names, '9001_later.sql'])
})

test('a file that fails leaves nothing behind, and those before it stay', async () => {
  const database = await emptyDatabase()
  const known = [
    ...migrations(),
    later(1, 'create table good (n int)'),
    later(2, 'create table bad (n int); select 1 / 0'),
    later(3, 'create table never (n int)'),
  ]
  await expect(migrate(database.url, { known })).rejects.toThrow('Migration 9002_later.sql failed and was rolled back: division by zero')
  expect(await applied(database)).toEqual([...names, '9001_later.sql'])
  expect([await exists(database, 'public.good'), await exists(database, 'public.bad'), await exists(database, 'public.never')]).toEqual([
    true,
    false,
    false,
  ])
  expect(await migrate(database.url, { known: [...known.slice(0, -2), later(2, 'create table mended (n int)')] })).toEqual([
    '9002_later.sql',
  ])
})

test('a connection that breaks during a migration is an error, not the end of the process', async () => {
  const database = await emptyDatabase()
  const known = [...migrations(), later(1, 'select pg_terminate_backend(pg_backend_pid())')]
  await expect(migrate(database.url, { known })).rejects.toThrow('Migration 9001_later.sql failed')
  expect(await applied(database)).toEqual(names)
})

test('a user without rights over roles can do it, when an administrator has made the three and granted them', async () => {
  const database = await emptyDatabase()
  const user = `plain_${database.url.match(/t_(\w{8})/)![1]}`
  const [{ name }] = (await database.query<{ name: string }>('select current_database() as name')) as [{ name: string }]
  await database.query(`create role ${user} login`)
  onTestFinished(async () => void (await database.query(`drop owned by ${user}; drop role ${user}`)))
  await database.query(`grant ps_owner, ps_app, ps_system to ${user}`)
  await database.query(`grant create on database ${name} to ps_owner`)
  await database.query('grant usage, create on schema public to ps_owner')
  await database.query('grant usage on schema public to ps_app, ps_system')
  const url = database.url.replace(/\/\/[^@]*@/, `//${user}@`)
  expect(await migrate(url)).toEqual(names)
  expect(await migrate(url)).toEqual([])
})
