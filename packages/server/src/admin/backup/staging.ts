import type pg from 'pg'
import { type Column, copiedColumns, type Table, tablesOf } from './catalogue.ts'
import { readBackup } from './read-backup.ts'
import { copyInto, tableFor } from './restore.ts'
import { fieldsOf, lineCutter } from './rows.ts'
import { quoted, quotedList } from './session.ts'

/** A table's chosen rows, in a temporary table of this transaction. */
export type Staged = Readonly<{ table: Table; columns: readonly string[]; from: string; rows: number }>
/** Which rows of a table are meant: where all of these columns have these values (ids, which COPY writes as they are). */
export type Choice = (table: Table) => Readonly<Record<string, string>> | undefined

/** Take the chosen rows of a backup into temporary tables, in the order of the backup: parents first. */
export async function stage(client: pg.Client, chunks: AsyncIterable<Buffer>, choose: Choice): Promise<Staged[]> {
  const tables = await tablesOf(client)
  await client.query('set local role ps_system')
  const staged: Staged[] = []
  let into: ReturnType<typeof filtered> | undefined
  try {
    for await (const part of readBackup(chunks)) {
      if (part.kind === 'table') into = await tableToStage(client, tableFor(tables, part), part.columns, choose)
      if (part.kind === 'rows') await into?.write(part.text)
      if (part.kind === 'tableEnd' && into) staged.push(await into.end())
    }
  } catch (error) {
    into?.giveUp()
    throw error
  }
  return staged
}

/** @returns undefined for a table of which nothing was chosen */
async function tableToStage(client: pg.Client, table: Table, columns: readonly string[], choose: Choice) {
  const conditions = choose(table)
  if (!conditions) return undefined
  const from = `part_of_${table.name}`.slice(0, 63)
  await client.query(
    `create temp table ${quoted(from)} on commit drop as select ${quotedList(columns)} from ${quoted(table.name)} with no data`,
  )
  return filtered(client, { table, columns, from }, conditions)
}

function filtered(client: pg.Client, about: Omit<Staged, 'rows'>, conditions: Readonly<Record<string, string>>) {
  const at = Object.keys(conditions).map((name) => about.columns.indexOf(name))
  const values = Object.values(conditions)
  const cutter = lineCutter()
  const copy = copyInto(client, { name: about.from }, about.columns)
  let rows = 0
  return {
    async write(text: Buffer) {
      const chosen = cutter.push(text).filter((line) => at.length === 0 || fieldsOf(line, at).every((field, i) => field === values[i]))
      rows += chosen.length
      if (chosen.length > 0) await copy.write(Buffer.concat(chosen.flatMap((line) => [line, lineBreak])))
    },
    async end(): Promise<Staged> {
      await copy.end()
      return { ...about, rows }
    },
    giveUp: copy.giveUp,
  }
}
const lineBreak = Buffer.from('\n')

/** Another value for a column, as SQL; `undefined` leaves it. */
export type Replace = (table: Table, column: Column) => string | undefined

/**
 * Insert staged rows into their table, with the numbers that it gives itself (in their old order) made anew.
 * @param where more conditions, as SQL
 * @throws Error when the store has something that would then be there twice
 */
export async function insertStaged(client: pg.Client, { table, columns, from }: Staged, replace: Replace, where = 'true'): Promise<number> {
  const copied = copiedColumns(table).filter(({ name, identity }) => columns.includes(name) && !identity)
  const order = table.columns.find(({ identity }) => identity)
  const values = copied.map((column) => replace(table, column) ?? quoted(column.name))
  const insert = `insert into ${quoted(table.name)} (${quotedList(copied.map(({ name }) => name))})
    select ${values.join(', ')} from ${quoted(from)} where ${where}${order ? ` order by ${quoted(order.name)}` : ''}`
  try {
    return (await client.query(insert)).rowCount ?? 0
  } catch (error) {
    const { code, detail } = error as { code?: string; detail?: string }
    if (code !== '23505' && code !== '23503') throw error
    throw new Error(
      `The store has something in ${table.name} that stands against it: ${detail ?? (error as Error).message} Nothing was restored.`,
      {
        cause: error,
      },
    )
  }
}
