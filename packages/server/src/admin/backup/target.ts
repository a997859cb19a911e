import type pg from 'pg'
import { type Migration, migrate, migrations } from '../../infrastructure/postgres/migrate.ts'
import { appliedMigrations, type Table, tablesOf } from './catalogue.ts'
import { quoted, quotedList } from './session.ts'
import type { Header } from './write-backup.ts'

/** What every store has from its first start on. */
const defaultWorkspaceId = '00000000-0000-7000-8000-000000000001'

/**
 * This version's migrations that make the schema of a backup.
 * @throws Error for a schema of a later version, and for one that this version's files never made
 */
export function migrationsOf({ migrations: wanted, product }: Header): Migration[] {
  const known = new Map(migrations().map((migration) => [migration.name, migration]))
  const later = wanted.filter(({ name }) => !known.has(name)).map(({ name }) => name)
  if (later.length > 0)
    throw new Error(
      `The backup has a newer schema than this version: it was made by Prompt Store ${product}, with ${later.join(', ')}. Restore it with that version or a later one.`,
    )
  const changed = wanted.find(({ name, checksum }) => known.get(name)!.checksum !== checksum)
  if (changed)
    throw new Error(`The backup's migration ${changed.name} is not the one of this version. Restore it with the version that made it.`)
  return wanted.map(({ name }) => known.get(name)!)
}

/**
 * Bring an empty store to the schema of a backup, forward or back.
 * @throws Error when the store holds anything, or is of a later version than this one
 */
export async function bringToSchema(client: pg.Client, url: string, wanted: readonly Migration[]): Promise<void> {
  const applied = await appliedMigrations(client)
  if (applied) {
    const known = new Set(migrations().map(({ name }) => name))
    const later = applied.find(({ name }) => !known.has(name))
    if (later) throw new Error(`The store was migrated by a later version (${later.name}). Restore with that version.`)
    await assertEmptyStore(client)
    if (applied.some(({ name }) => !wanted.some((migration) => migration.name === name))) await dropEmptyStore(client)
  }
  await migrate(url, { known: wanted })
}

/** @throws Error when it holds anything beyond an empty default workspace */
async function assertEmptyStore(client: pg.Client): Promise<void> {
  await inTransaction(client, async () => {
    const tables = await tablesOf(client)
    await client.query('set local role ps_system')
    await assertEmpty(client, tables)
  })
}

/** Tables whose rows belong to a workspace or a person; the others hold one row or so of the store's own, and are replaced. */
const isOfUsers = ({ name, columns }: Table): boolean =>
  name === 'workspace' || name === 'person' || columns.some((column) => column.name === 'workspace_id')

/** @throws Error that names the first table with a row of anybody's; the role must see all rows */
export async function assertEmpty(client: pg.ClientBase, tables: readonly Table[]): Promise<void> {
  for (const table of tables.filter(isOfUsers)) {
    const but = table.name === 'workspace' ? ` where id <> '${defaultWorkspaceId}'` : ''
    const { rows } = await client.query<{ found: boolean }>(`select exists (select 1 from ${quoted(table.name)}${but}) as found`)
    if (rows[0]!.found)
      throw new Error(
        `The store is not empty: there are rows in ${table.name}. A whole backup fills an empty store only: name another DATA_DIR or database; or restore one part of it by --workspace or --prompt.`,
      )
  }
}

/** Rows that an empty store has, such as its default workspace: those of the backup come in their place. */
export async function removeFirstRows(client: pg.ClientBase, tables: readonly Table[]): Promise<void> {
  for (const { name } of [...tables].reverse()) await client.query(`delete from ${quoted(name)}`)
}

const dropSql = `do $$ declare r record; begin
  for r in select c.oid::regclass::text as name from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    and not c.relispartition and pg_get_userbyid(c.relowner) = 'ps_owner' loop execute format('drop table if exists %s cascade', r.name); end loop;
  for r in select c.oid::regclass::text as name from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
    and pg_get_userbyid(c.relowner) = 'ps_owner' loop execute format('drop view if exists %s cascade', r.name); end loop;
  for r in select p.oid::regprocedure::text as name, case p.prokind when 'p' then 'procedure' else 'function' end as kind from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.prokind in ('p', 'f') and pg_get_userbyid(p.proowner) = 'ps_owner'
    and not exists (select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e') -- of an extension, which stays
    loop execute format('drop %s if exists %s cascade', r.kind, r.name); end loop;
  for r in select t.oid::regtype::text as name from pg_type t where t.typnamespace = 'public'::regnamespace and t.typtype in ('e', 'd')
    and pg_get_userbyid(t.typowner) = 'ps_owner' and not exists (select 1 from pg_depend d where d.objid = t.oid and d.deptype = 'e') loop execute format('drop type if exists %s cascade', r.name); end loop;
end $$`

/** Take away the schema of a store in which there is nothing; looked at once more, under a lock that lets nobody write. */
async function dropEmptyStore(client: pg.Client): Promise<void> {
  await inTransaction(client, async () => {
    const tables = await tablesOf(client)
    await client.query(`set local role ps_owner; lock table ${quotedList(tables.map(({ name }) => name))} in access exclusive mode`)
    await client.query('set local role ps_system')
    await assertEmpty(client, tables)
    await client.query(`set local role ps_owner; ${dropSql}`)
  })
}

export async function inTransaction<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('begin')
  try {
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}
