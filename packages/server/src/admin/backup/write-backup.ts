import { createHash } from 'node:crypto'
import type pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { type AppliedMigration, appliedMigrations, copiedColumns, sequencesOf, type Table, tablesOf } from './catalogue.ts'
import { frameWriter, type Write } from './format.ts'
import { quoted, quotedList, withSession } from './session.ts'

export type Header = Readonly<{
  product: string
  at: string
  encoding: string
  server: string
  migrations: readonly AppliedMigration[]
}>
export type Counted = Readonly<{ tables: number; rows: number }>

/** Rows are packed in pieces of about this many bytes. */
const pieceBytes = 256 * 1024

/**
 * Write the whole store as of one moment. Services may go on meanwhile; only migrations wait.
 * @param url a session connection of a user that may become ps_owner and ps_system; no superuser is needed
 * @throws Error when there is no store, or a table cannot be read whole
 */
export const writeBackup = (url: string, write: Write, about: Pick<Header, 'product' | 'at'>): Promise<Counted> =>
  withSession(url, async (client) => {
    await client.query('begin isolation level repeatable read read only')
    const migrations = await appliedMigrations(client)
    if (!migrations) throw new Error('There is no store in this database. Look at DATABASE_URL and DATA_DIR.')
    const tables = await tablesOf(client)
    await client.query(`set local role ps_system; lock table ${quotedList(tables.map(({ name }) => name))} in access share mode`)
    const { rows: servers } = await client.query<{ encoding: string; server: string }>(
      `select current_setting('server_encoding') as encoding, current_setting('server_version') as server`,
    )
    const writer = frameWriter(write)
    await writer.begin({ ...about, ...servers[0]!, migrations } satisfies Header)
    let rows = 0
    for (const table of tables) rows += await writeTable(client, writer, table)
    await client.query('set local role ps_owner')
    await writer.json('S', { sequences: await sequencesOf(client) })
    await writer.end()
    await client.query('commit')
    return { tables: tables.length, rows }
  })

/** @returns how many rows it has */
async function writeTable(client: pg.Client, writer: ReturnType<typeof frameWriter>, table: Table): Promise<number> {
  const columns = copiedColumns(table).map(({ name }) => name)
  await writer.json('T', { table: table.name, columns })
  const stream = client.query(copyTo(`copy (select ${quotedList(columns)} from ${quoted(table.name)}) to stdout`))
  const hash = createHash('sha256')
  let rows = 0
  let held: Buffer[] = []
  let bytes = 0
  const flush = async () => {
    const piece = Buffer.concat(held, bytes)
    held = []
    bytes = 0
    hash.update(piece)
    rows += linesIn(piece)
    await writer.rows(piece)
  }
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    held.push(chunk)
    bytes += chunk.length
    if (bytes >= pieceBytes) await flush()
  }
  if (bytes > 0) await flush()
  await writer.json('E', { rows, sha256: hash.digest('hex') })
  return rows
}

/** In COPY's text form a line is a row: a line break inside a value is written as `\n`. */
export function linesIn(text: Buffer): number {
  let lines = 0
  for (let at = text.indexOf(10); at !== -1; at = text.indexOf(10, at + 1)) lines++
  return lines
}
