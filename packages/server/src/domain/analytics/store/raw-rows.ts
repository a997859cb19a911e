import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { hourMs } from '../model/measurement.ts'
import type { RawRow } from '../model/rollup.ts'

const fields = ['latencyUs', 'costMicros', 'inputTokens', 'outputTokens', 'cachedTokens', 'ttftUs', 'score', 'flags', 'userHash'] as const
type Field = (typeof fields)[number]
/** The rows of one workspace, hour and series: of each field all values, with commas in between, and nothing for null. */
type Group = Readonly<{ workspaceId: string; series: number; hour: number } & Record<Field, string>>

const columnOf = (field: Field): string =>
  field === 'userHash' ? `encode(user_hash, 'hex')` : field.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
const columns = sql.raw(fields.map((field) => `array_to_string(array_agg(${columnOf(field)}), ',', '') as "${field}"`).join(', '))

/**
 * Count raw rows in. They come by column: to read each field of so many rows by itself costs more than what is done with it.
 * @param db across workspaces
 * @param matching so few that they find room in memory
 * @param add is given the same object each time; its `occurredAt` is the beginning of the hour
 * @returns how many there were
 */
export async function countRaw(db: Db, matching: RawBuilder<unknown>, add: (row: RawRow) => void): Promise<number> {
  const { rows } = await sql<Group>`
    select workspace_id as "workspaceId", series, floor(date_part('epoch', occurred_at) / 3600)::int as hour, ${columns}
    from usage_event where ${matching} group by 1, 2, 3`.execute(db.withoutPlugins())
  return rows.reduce((count, group) => count + countGroup(group, add), 0)
}

const perhaps = (text: string): number | null => (text === '' ? null : Number(text))

function countGroup(group: Group, add: (row: RawRow) => void): number {
  const lists = Object.fromEntries(fields.map((field) => [field, group[field].split(',')])) as Record<Field, string[]>
  const { workspaceId, series } = group
  const row = { workspaceId, series, occurredAt: group.hour * hourMs } as { -readonly [name in keyof RawRow]: RawRow[name] }
  for (const [i, flags] of lists.flags.entries()) {
    row.flags = Number(flags)
    row.latencyUs = Number(lists.latencyUs[i])
    row.inputTokens = Number(lists.inputTokens[i])
    row.outputTokens = Number(lists.outputTokens[i])
    row.costMicros = perhaps(lists.costMicros[i]!)
    row.cachedTokens = perhaps(lists.cachedTokens[i]!)
    row.ttftUs = perhaps(lists.ttftUs[i]!)
    row.score = perhaps(lists.score[i]!)
    row.userHash = lists.userHash[i] || null
    add(row)
  }
  return lists.flags.length
}

/** Pages of a table that are read in one piece: about 20,000 rows. */
const pagesAtOnce = 250

/** A day's partition, piece by piece, as conditions for `countRaw`; rows that are changed meanwhile may be missed, or met twice. @param day as a date */
export async function piecesOfDay(db: Db, day: string): Promise<RawBuilder<unknown>[]> {
  const { rows } = await sql<{ pages: number }>`
    select (pg_relation_size(oid) / current_setting('block_size')::int)::int as pages from pg_class
    where relnamespace = 'usage_days'::regnamespace and relname = ${`d${day.replaceAll('-', '')}`}`.execute(db)
  const pieces = Math.ceil((rows[0]?.pages ?? 0) / pagesAtOnce)
  const place = (n: number) => sql`${`(${n * pagesAtOnce},0)`}::tid`
  return Array.from({ length: pieces }, (_, n) => sql`ctid >= ${place(n)} and ctid < ${place(n + 1)}`)
}
