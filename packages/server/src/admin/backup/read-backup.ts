import { createHash } from 'node:crypto'
import type { Sequence } from './catalogue.ts'
import { BackupUnusable, readFrames, unpackRows } from './format.ts'
import { type Header, linesIn } from './write-backup.ts'

/** What a backup says, in its order: header, then of each table its begin, its rows in pieces, its end; then the sequences. */
export type Part =
  | Readonly<{ kind: 'header'; header: Header }>
  | Readonly<{ kind: 'table'; table: string; columns: readonly string[] }>
  | Readonly<{ kind: 'rows'; text: Buffer }>
  | Readonly<{ kind: 'tableEnd'; table: string; rows: number }>
  | Readonly<{ kind: 'sequences'; sequences: readonly Sequence[] }>

/**
 * Read a backup part by part. Only when the last part has come is it certain that nothing of it was changed.
 * @throws BackupUnusable as soon as something is wrong
 */
export async function* readBackup(chunks: AsyncIterable<Buffer>): AsyncGenerator<Part> {
  let table: { name: string; hash: ReturnType<typeof createHash>; rows: number } | undefined
  for await (const { kind, payload } of readFrames(chunks)) {
    if (kind === 'H') yield { kind: 'header', header: parsed<Header>(payload) }
    else if (kind === 'T') {
      const begin = parsed<{ table: string; columns: string[] }>(payload)
      table = { name: begin.table, hash: createHash('sha256'), rows: 0 }
      yield { kind: 'table', ...begin }
    } else if (kind === 'D') {
      const text = await unpackRows(payload)
      if (!table) throw new BackupUnusable('it is damaged: rows of no table')
      table.hash.update(text)
      table.rows += linesIn(text)
      yield { kind: 'rows', text }
    } else if (kind === 'E') {
      const end = parsed<{ rows: number; sha256: string }>(payload)
      if (!table || end.rows !== table.rows || end.sha256 !== table.hash.digest('hex'))
        throw new BackupUnusable(`it is damaged: the rows of ${table?.name ?? 'a table'} are not those that were written`)
      yield { kind: 'tableEnd', table: table.name, rows: table.rows }
      table = undefined
    } else if (kind === 'S') yield { kind: 'sequences', ...parsed<{ sequences: Sequence[] }>(payload) }
  }
}

function parsed<T>(payload: Buffer): T {
  try {
    return JSON.parse(payload.toString('utf8')) as T
  } catch (cause) {
    throw new BackupUnusable('it is damaged: a part cannot be read', { cause })
  }
}

export type Summary = Readonly<{ header: Header; tables: Readonly<Record<string, number>>; rows: number }>

/** Read a backup to its end and say what is in it. @throws BackupUnusable when any bit of it is not as it was written */
export async function verifyBackup(chunks: AsyncIterable<Buffer>): Promise<Summary> {
  let header: Header | undefined
  const tables: Record<string, number> = {}
  for await (const part of readBackup(chunks)) {
    if (part.kind === 'header') header = part.header
    if (part.kind === 'tableEnd') tables[part.table] = part.rows
  }
  if (!header) throw new BackupUnusable('it is damaged: it has no header')
  return { header, tables, rows: Object.values(tables).reduce((sum, rows) => sum + rows, 0) }
}
