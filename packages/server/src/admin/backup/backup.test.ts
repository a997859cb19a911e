import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { migrate, migrations } from '../../infrastructure/postgres/migrate.ts'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { leftOut, parentsFirst } from './catalogue.ts'
import { writeWhole } from './file.ts'
import { backup, restore, verify } from './index.ts'
import { contentOf, filledBackup, filledStore, freshPath, migratedDatabase, untouchedDatabase } from './testing/stores.ts'

test('a backup brings every row of every table into a database in which nothing was ever done', async () => {
  const { database, file } = await filledBackup()
  const target = await untouchedDatabase()
  const { rows } = await restore(target.url, file)
  const [before, after] = [await contentOf(database), await contentOf(target)]
  expect(after).toEqual(before)
  expect(rows).toBe(Object.values(before).flat().length)
  expect(Object.keys(before)).toEqual(expect.arrayContaining(['prompt', 'prompt_version', 'outbox', 'feed_head', 'api_key', 'workspace']))
})

test('every table is in a backup, or is named among those that are left out', async () => {
  const { database, file } = await filledBackup()
  const tables = await database.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'm', 'f') and not relispartition`,
  )
  const { tables: held } = await verify(file)
  expect(tables.map(({ name }) => name).filter((name) => !(name in held) && !(name in leftOut))).toEqual([])
  expect(Object.keys(leftOut).filter((name) => name in held)).toEqual([])
})

test('a service goes on where the backed-up one stood: keys, prompts, labels, numbers, feed', async () => {
  const { database, file } = await filledBackup()
  const target = await migratedDatabase()
  await restore(target.url, file)
  const [app, restored] = [await startTestApp({ database }), await startTestApp({ database: target })]
  onTestFinished(async () => void (await Promise.all([app.stop(), restored.stop()])))
  const list = async (of: TestApp) => (await of.owner('GET', '/prompts?sort=name')).body.items
  expect(await list(restored)).toEqual(await list(app))
  expect((await restored.owner('GET', '/prompts/search/c/includer')).text).toBe((await app.owner('GET', '/prompts/search/c/includer')).text)
  const [{ head }] = (await target.query<{ head: string }>('select position as head from feed_head')) as [{ head: string }]
  const token = (await app.owner('POST', '/prompts', { content: 'x' })).headers.get('x-consistency-token')!
  const made = await restored.owner('POST', '/prompts', { content: 'After the move' }, { 'x-consistency-token': token })
  expect(made.status).toBe(201)
  expect((await restored.owner('GET', `/prompts/${made.body.id}`, undefined, { 'x-consistency-token': token })).status).toBe(200)
  const placed = () =>
    target.query<{ n: number }>('select count(*)::int as n from outbox where subject = $1 and position > $2', [made.body.id, head])
  await expect.poll(async () => (await placed())[0]!.n).toBe(2)
  const gaps = await target.query(`select 1 from outbox having count(position) <> max(position)`)
  expect(gaps).toEqual([])
})

test('row-level security and triggers are after a restore what they were before', async () => {
  const { database, file } = await filledBackup()
  await database.query(`create function public.no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$`)
  const target = await migratedDatabase()
  await target.query(`create function public.no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$`)
  await target.query('create trigger refuse before insert on prompt for each row execute function no()')
  await target.query('create trigger refuse_always before insert on prompt_label for each row execute function no()')
  await target.query('alter table prompt_label enable always trigger refuse_always')
  const security = `select relname, relrowsecurity, relforcerowsecurity from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`
  const triggers = `select tgname, tgenabled from pg_trigger where not tgisinternal order by 1`
  const before = [await target.query(security), await target.query(triggers)]
  await restore(target.url, file)
  expect([await target.query(security), await target.query(triggers)]).toEqual(before)
})

test('a user who is no superuser, but may become the three roles, can back up and restore', async () => {
  const { database } = await filledBackup()
  const target = await untouchedDatabase()
  const name = `mover_${Date.now()}`
  await database.query(`create role ${name} login; grant ps_owner, ps_app, ps_system to ${name}`)
  await target.query(`grant create on database ${new URL(target.url).pathname.slice(1)} to ps_owner; grant usage, create on schema public to ps_owner;
    grant usage on schema public to ps_app, ps_system`)
  onTestFinished(async () => void (await database.query(`drop role if exists ${name}`)))
  const as = (url: string) => url.replace('postgres@', `${name}@`)
  const file = freshPath()
  await backup(as(database.url), file, { force: false })
  await restore(as(target.url), file)
  expect(await contentOf(target)).toEqual(await contentOf(database))
})

const counts = [...new Set([3, migrations().length - 1])]
test.each(counts.map((count) => [migrations()[count - 1]!.name, count] as const))(
  'a backup of the schema up to %s is restored into a store of this version, and migrated on',
  async (_name, count) => {
    const old = await untouchedDatabase()
    await migrate(old.url, { known: migrations().slice(0, count) })
    await old.query(`insert into workspace (id, name, created_at) values ('01900000-0000-7000-8000-000000000001', 'old', now())`)
    await old.query(`insert into api_key (workspace_id, id, name, secret_hash, permissions, created_by, created_at)
      values ('01900000-0000-7000-8000-000000000001', '01900000-0000-7000-8000-000000000002', 'old', 'hash', '{*}', 'test', now())`)
    const file = freshPath()
    await backup(old.url, file, { force: false })
    const target = await migratedDatabase()
    await restore(target.url, file)
    expect(await target.query('select name from api_key')).toEqual([{ name: 'old' }])
    expect(await migrate(target.url, { plan: true })).toEqual([])
    const app = await startTestApp({ database: target })
    onTestFinished(() => app.stop())
    expect((await app.owner('POST', '/prompts', { content: 'New' })).status).toBe(201)
  },
)

test('a store in which there is a prompt, a key, another workspace or a person is left as it is', async () => {
  const { file } = await filledBackup()
  const target = await migratedDatabase()
  await target.query(`insert into workspace (id, name, created_at) values ('00000000-0000-7000-8000-000000000001', 'default', now())`)
  const anything = {
    prompt: `select '00000000-0000-7000-8000-000000000001', gen_random_uuid(), 'c', 'n', '', 'text', '{}', '{}', false, 'draft', 1, 1, null, null, 't', now(), now(), null`,
    'api_key (workspace_id, id, name, secret_hash, permissions, created_by, created_at)': `values ('00000000-0000-7000-8000-000000000001', gen_random_uuid(), 'k', 'h', '{*}', 't', now())`,
    'workspace (id, name, created_at)': `values ('01900000-0000-7000-8000-000000000001', 'w', now())`,
    'person (id, issuer, subject, created_at)': `values (gen_random_uuid(), 'i', 's', now())`,
  }
  for (const [into, what] of Object.entries(anything)) {
    const table = into.split(' ')[0]!
    await target.query(`insert into ${into} ${what}`)
    const before = await contentOf(target)
    await expect(restore(target.url, file)).rejects.toThrow(`The store is not empty: there are rows in ${table}.`)
    expect(await contentOf(target)).toEqual(before)
    await target.query(`delete from ${table}${table === 'workspace' ? ` where name = 'w'` : ''}`)
  }
  await restore(target.url, file)
})

test('a backup does not replace a file unless it is told to, and nobody else can read it', async () => {
  const database = await filledStore()
  const file = freshPath()
  writeFileSync(file, 'precious')
  await expect(backup(database.url, file, { force: false })).rejects.toThrow('exists already')
  expect(readFileSync(file, 'utf8')).toBe('precious')
  await backup(database.url, file, { force: true })
  expect((await verify(file)).rows).toBeGreaterThan(10)
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('a write that fails leaves nothing, neither under the name nor beside it', async () => {
  const file = freshPath()
  const full = async (write: (bytes: Buffer) => Promise<void>) => {
    await write(Buffer.alloc(100_000))
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  }
  await expect(writeWhole(file, false, full)).rejects.toThrow('ENOSPC')
  expect(readdirSync(dirname(file))).toEqual([])
})

test('a name that somebody took meanwhile is not overwritten', async () => {
  const file = freshPath()
  const late = async (write: (bytes: Buffer) => Promise<void>) => {
    await write(Buffer.from('mine'))
    writeFileSync(file, 'theirs')
  }
  await expect(writeWhole(file, false, late)).rejects.toThrow('EEXIST')
  expect([readFileSync(file, 'utf8'), readdirSync(dirname(file))]).toEqual(['theirs', ['store.backup']])
})

test('a table that the backup could not read whole, or not copy, is an error and never a gap', async () => {
  const database = await migratedDatabase()
  await database.query(
    'create table secret (workspace_id uuid, a text); alter table secret enable row level security; grant select on secret to ps_system',
  )
  await expect(backup(database.url, freshPath(), { force: false })).rejects.toThrow('the table secret cannot be read whole')
  await database.query('drop table secret; create table odd (a xid8 not null); grant select on odd to ps_system')
  await expect(backup(database.url, freshPath(), { force: false })).rejects.toThrow('odd.a')
})

test('tables come after those that they refer to, and a circle is said', () => {
  const table = (name: string, ...parents: string[]) => ({ name, parents, columns: [] })
  expect(parentsFirst([table('a', 'b'), table('b', 'workspace'), table('c'), table('workspace')]).map(({ name }) => name)).toEqual([
    'workspace',
    'b',
    'a',
    'c',
  ])
  expect(() => parentsFirst([table('a', 'b'), table('b', 'a')])).toThrow('a, b')
})

test('a database without a store has nothing to back up', async () => {
  const { url } = await untouchedDatabase()
  await expect(backup(url, freshPath(), { force: false })).rejects.toThrow('There is no store')
})
