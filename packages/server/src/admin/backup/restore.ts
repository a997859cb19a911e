import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { migrate } from '../../infrastructure/postgres/migrate.ts'
import { appliedMigrations, copiedColumns, type Sequence, type Table, tablesOf } from './catalogue.ts'
import { BackupUnusable } from './format.ts'
import { type Part, readBackup } from './read-backup.ts'
import { quoted, quotedList, withSession } from './session.ts'
import { assertEmpty, bringToSchema, inTransaction, migrationsOf, removeFirstRows } from './target.ts'
import type { Counted, Header } from './write-backup.ts'

/** Any number; all restores agree on it. */
const restoreLock = 7_266_051_103

/**
 * Fill an empty store with a backup, all of it in one transaction, and bring it to this version's schema afterwards.
 * A restore that was interrupted leaves an empty store, and can be run again.
 * @param chunks the file; it is checked to its last bit before anything is committed
 * @throws Error when the store is not empty or the schema is newer; BackupUnusable
 */
export const restoreBackup = (url: string, chunks: AsyncIterable<Buffer>): Promise<Counted> =>
  withSession(url, async (client) => {
    await lockRestores(client)
    const parts = readBackup(chunks)
    const header = await headerOf(parts)
    await bringToSchema(client, url, migrationsOf(header))
    const counted = await inTransaction(client, () => fill(client, header, parts))
    await migrate(url)
    await client.query('set role ps_owner')
    for (const { name } of await tablesOf(client)) await client.query(`analyze ${quoted(name)}`)
    return counted
  })

async function lockRestores(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [restoreLock])
  if (!rows[0]!.locked) throw new Error('Another restore into this database is running. Wait for its end.')
}

async function headerOf(parts: AsyncGenerator<Part>): Promise<Header> {
  const { value } = await parts.next()
  if (value?.kind !== 'header') throw new BackupUnusable('it is damaged: it has no header')
  if (value.header.encoding !== 'UTF8') throw new BackupUnusable(`its database had the encoding ${value.header.encoding}, not UTF8`)
  return value.header
}

type Trigger = { table: string; name: string; enabled: 'O' | 'A' }
const triggersSql = `select t.tgrelid::regclass::text as "table", t.tgname as name, t.tgenabled as enabled from pg_trigger t
  join pg_class c on c.oid = t.tgrelid where c.relnamespace = 'public'::regnamespace and not t.tgisinternal and t.tgenabled in ('O', 'A') and t.tgparentid = 0
  and t.tgname not in ('opens_partition', 'drops_partition')`

/**
 * COPY does not work under row-level security, and the owner, who fills, is under it too: it is not forced upon the owner
 * while this transaction lasts, in which nobody else can read or write. Rows come as they were, so triggers rest.
 */
async function fill(client: pg.Client, header: Header, parts: AsyncGenerator<Part>): Promise<Counted> {
  const tables = await tablesOf(client)
  const names = tables.map(({ name }) => name)
  await client.query(`set local role ps_owner; lock table ${quotedList(names)} in access exclusive mode`)
  const { rows: secured } = await client.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relforcerowsecurity and relname = any($1)`,
    [names],
  )
  for (const { name } of secured) await client.query(`alter table ${quoted(name)} no force row level security`)
  const { rows: triggers } = await client.query<Trigger>(triggersSql)
  for (const { table, name } of triggers) await client.query(`alter table ${table} disable trigger ${quoted(name)}`)
  await assertSameSchema(client, header)
  await assertEmpty(client, tables)
  await removeFirstRows(client, tables)
  const rows = await copyAll(client, tables, parts)
  for (const { table, name, enabled } of triggers)
    await client.query(`alter table ${table} enable ${enabled === 'A' ? 'always ' : ''}trigger ${quoted(name)}`)
  for (const { name } of secured) await client.query(`alter table ${quoted(name)} force row level security`)
  return { tables: names.length, rows }
}

/** A service that was started meanwhile may have migrated on. */
async function assertSameSchema(client: pg.Client, { migrations }: Header): Promise<void> {
  const applied = (await appliedMigrations(client)) ?? []
  if (applied.map(({ name }) => name).join() !== migrations.map(({ name }) => name).join())
    throw new Error('The store was migrated while it was to be filled. End every service on it and run the restore again.')
}

/** @returns how many rows were filled in */
async function copyAll(client: pg.Client, tables: readonly Table[], parts: AsyncGenerator<Part>): Promise<number> {
  let rows = 0
  let filling: ReturnType<typeof copyInto> | undefined
  try {
    for await (const part of parts) {
      if (part.kind === 'table') filling = copyInto(client, tableFor(tables, part), part.columns)
      if (part.kind === 'rows') await filling!.write(part.text)
      if (part.kind === 'tableEnd') {
        await filling!.end()
        rows += part.rows
      }
      if (part.kind === 'sequences') await setSequences(client, part.sequences)
    }
  } catch (error) {
    filling?.giveUp()
    throw error
  }
  return rows
}

/** @throws BackupUnusable for a table or column that the schema does not have: then the header lies */
export function tableFor(tables: readonly Table[], { table: name, columns }: { table: string; columns: readonly string[] }): Table {
  const table = tables.find((one) => one.name === name)
  const known = new Set(table && copiedColumns(table).map((column) => column.name))
  if (!table || columns.some((column) => !known.has(column))) throw new BackupUnusable(`its table ${name} is not that of its schema`)
  return table
}

/** Rows in COPY's text form into a table, no faster than the server takes them. */
export function copyInto(client: pg.ClientBase, { name }: { name: string }, columns: readonly string[]) {
  const stream = client.query(copyFrom(`copy ${quoted(name)} (${quotedList(columns)}) from stdin`))
  const done = finished(stream)
  done.catch(() => undefined) // told by the next write or by the end
  return {
    async write(text: Buffer) {
      if (!stream.write(text)) await Promise.race([once(stream, 'drain'), done])
    },
    async end() {
      stream.end()
      await done
    },
    /** Without it the connection would wait for more rows for ever, and its rollback behind them. */
    giveUp() {
      stream.destroy()
    },
  }
}

async function setSequences(client: pg.ClientBase, sequences: readonly Sequence[]): Promise<void> {
  for (const { name, last } of sequences)
    if (last !== null) await client.query('select setval($1::regclass, $2::bigint)', [`public.${quoted(name)}`, last])
}
