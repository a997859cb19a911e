import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import pg from 'pg'
import { installQueue } from '../queue/install.ts'

const folder = new URL('../../../migrations/', import.meta.url)

export type Migration = Readonly<{ name: string; sql: string; checksum: string }>

/** The migrations of this version, in order. */
export const migrations = (): Migration[] =>
  readdirSync(folder)
    .filter((name) => /^\d{4}_.+\.sql$/.test(name))
    .sort()
    .map((name) => {
      const sql = readFileSync(new URL(name, folder), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    })

/** Any number; all instances agree on it. */
const lock = 7_266_051_101

/** The roles may be there already, made by an administrator whose rights we lack: only what is missing is made. */
const roles = `do $$ declare r text; begin
  foreach r in array array['ps_owner', 'ps_app', 'ps_system'] loop
    if not exists (select 1 from pg_roles where rolname = r) then
      begin execute format('create role %I nologin', r); exception when duplicate_object or unique_violation then null; end;
    end if;
    -- From PostgreSQL 16 on, who makes a role is a member of it but may not become it.
    if not pg_has_role(current_user, r, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)
    then execute format('grant %I to %I', r, current_user); end if;
  end loop;
  if not has_schema_privilege('ps_owner', 'public', 'create') then grant usage, create on schema public to ps_owner; end if;
  if not has_database_privilege('ps_owner', current_database(), 'create') then execute format('grant create on database %I to ps_owner', current_database()); end if;
  if not has_schema_privilege('ps_app', 'public', 'usage') or not has_schema_privilege('ps_system', 'public', 'usage') then grant usage on schema public to ps_app, ps_system; end if;
end $$`

const rolesAdvice =
  'Give the database user of DATABASE_URL the attribute CREATEROLE, or have an administrator run: ' +
  'create role ps_owner; create role ps_app; create role ps_system; grant ps_owner, ps_app, ps_system to <that user>; ' +
  'grant create on database <that database> to ps_owner; grant usage, create on schema public to ps_owner;'

/**
 * Bring the database to this version's schema. Forward only; each file in a transaction of its own, as `ps_owner`,
 * one process at a time (advisory lock), so that any number of instances may start at once.
 * @param url a session connection, never a transaction pooler
 * @param options.known the migrations of this version
 * @returns the names of the files that were (or, with `plan`, would be) applied
 * @throws when an applied file was changed afterwards, or the database is older than PostgreSQL 15
 */
export async function migrate(url: string, options: { plan?: boolean; known?: readonly Migration[] } = {}): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined) // a connection lost between two queries; the next query tells
  await client.connect()
  try {
    await requireVersion(client)
    await client.query('select pg_advisory_lock($1)', [lock])
    const pending = await pendingMigrations(client, options.known ?? migrations())
    if (options.plan) return pending.map((m) => m.name)
    await client.query(roles).catch((error) => {
      throw new Error(`The roles of the store cannot be made: ${error.message}. ${rolesAdvice}`)
    })
    await client.query('set role ps_owner')
    await client.query(
      'create table if not exists schema_migration (name text primary key, checksum text not null, applied_at timestamptz not null default now())',
    )
    await client.query('grant select on schema_migration to ps_app, ps_system')
    for (const migration of pending) await apply(client, migration)
    await installQueue(client)
    await renumber(client)
    return pending.map((m) => m.name)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** In a database that came from another server, the numbers of that one's transactions are replaced: see migration 0029. */
async function renumber(client: pg.Client): Promise<void> {
  const { rows } = await client.query(`select to_regprocedure('public.renumber_transactions()') is not null as known`)
  if (!rows[0].known) return // of a version before it
  await client.query('set role ps_system')
  await client.query('select renumber_transactions()')
}

async function requireVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query('show server_version_num')
  if (Number(rows[0].server_version_num) < 150_000)
    throw new Error('PostgreSQL 15 or newer is needed. Point DATABASE_URL at a newer server.')
}

/** Names that the database knows and this version does not are of a later one, which runs beside it: left alone. */
async function pendingMigrations(client: pg.Client, known: readonly Migration[]): Promise<Migration[]> {
  const { rows } = await client.query(`select to_regclass('public.schema_migration') is not null as known`)
  const applied = new Map<string, string>()
  if (rows[0].known)
    for (const row of (await client.query('select name, checksum from schema_migration')).rows) applied.set(row.name, row.checksum)
  for (const m of known) {
    const checksum = applied.get(m.name)
    if (checksum !== undefined && checksum !== m.checksum)
      throw new Error(`Migration ${m.name} was changed after it had been applied. Restore the file and put the change into a new one.`)
  }
  return known.filter((m) => !applied.has(m.name))
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  try {
    await client.query('begin')
    await client.query(sql)
    await client.query('insert into schema_migration (name, checksum) values ($1, $2)', [name, checksum])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw new Error(`Migration ${name} failed and was rolled back: ${(error as Error).message}`, { cause: error })
  }
}
