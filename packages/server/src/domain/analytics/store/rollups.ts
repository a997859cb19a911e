import { CompiledQuery, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { grains, type Place, type Placed } from '../model/rollup.ts'
import { emptyTally, mergeStored, mergeTally, type StoredTally, storedTally, sums } from '../model/tally.ts'
import { bytes, numbers } from './arrays.ts'

const sumColumns = sums.map((name) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`))
const sketchColumns = ['latency_sketch', 'tokens_sketch', 'cost_sketch', 'output_sketch', 'score_sketch', 'users_sketch']
/** The columns of a tally, as they are stored. */
export const tallyColumns = [...sumColumns, ...sketchColumns].join(', ')
const sketches = ['latencySketch', 'tokensSketch', 'costSketch', 'outputSketch', 'scoreSketch', 'usersSketch'] as const

const keyColumns = ['workspace_id', 'grain', 'at', 'series']
const types = ['uuid', 'smallint', 'bigint', 'int', ...sums.map(() => 'bigint'), ...sketches.map(() => 'bytea')]
const allColumns = [...keyColumns, ...sumColumns, ...sketchColumns]
const time = (column: string) => (column === 'at' ? 'to_timestamp(at / 1000.0)' : column)

const upsertSql = `/*hot:usage_rollup_save*/
insert into usage_rollup (${allColumns.join(', ')})
select ${allColumns.map(time).join(', ')} from unnest(${types.map((type, i) => `$${i + 1}::${type}[]`).join(', ')}) as r (${allColumns.join(', ')})
order by 1, 2, 3, 4
on conflict (workspace_id, grain, at, series) do update set ${[...sumColumns, ...sketchColumns].map((name) => `${name} = excluded.${name}`).join(', ')}`

const loadSql = `/*hot:usage_rollup_load*/
select p.n, ${[...sumColumns, ...sketchColumns].map((name) => `r.${name}`).join(', ')}
from unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::int[]) with ordinality as p (workspace_id, grain, at, series, n)
join usage_rollup r on r.workspace_id = p.workspace_id and r.grain = p.grain and r.at = to_timestamp(p.at / 1000.0) and r.series = p.series`

const keysOf = (places: readonly Place[]): string[] => [
  numbers(places.map(({ workspaceId }) => workspaceId)),
  numbers(places.map(({ grain }) => grains[grain])),
  numbers(places.map(({ at }) => at)),
  numbers(places.map(({ series }) => series)),
]

/** Rows in one statement: each may have some kilobytes of sketches. */
const atOnce = 2_000

function* pieces<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += atOnce) yield all.slice(at, at + atOnce)
}

/** Write these rows in the place of those that are there. @param db across workspaces */
export async function putRollups(db: Db, placed: readonly Placed[]): Promise<void> {
  for (const piece of pieces(placed)) {
    const stored = piece.map(({ tally }) => storedTally(tally))
    const values = [
      ...keysOf(piece),
      ...sums.map((name) => numbers(stored.map((row) => row[name]))),
      ...sketches.map((name) => bytes(stored.map((row) => row[name]))),
    ]
    await db.executeQuery(CompiledQuery.raw(upsertSql, values))
  }
}

/** Add to the rows that are there. Only one may do so at a time. @param db across workspaces */
export async function addRollups(db: Db, placed: readonly Placed[]): Promise<void> {
  for (const piece of pieces(placed)) {
    const { rows } = await db.executeQuery<StoredTally & { n: number }>(CompiledQuery.raw(loadSql, keysOf(piece)))
    const merged = piece.map((one) => ({ ...one, tally: emptyTally() }))
    for (const [i, { tally }] of piece.entries()) mergeTally(merged[i]!.tally, tally)
    for (const { n, ...stored } of rows) mergeStored(merged[n - 1]!.tally, stored)
    await putRollups(db, merged)
  }
}

type Hour = Readonly<{ workspaceId: string; at: number }>

/** Which of these hours’ series have a row of their own. @returns `workspace hour series` */
export async function presentSeries(db: Db, hours: readonly Placed[]): Promise<Set<string>> {
  const { rows } = await sql<{ workspaceId: string; at: number; series: number }>`
    select p.workspace_id, p.at, p.series from unnest(${numbers(hours.map((h) => h.workspaceId))}::uuid[], ${numbers(hours.map((h) => h.at))}::bigint[],
      ${numbers(hours.map((h) => h.series))}::int[]) as p (workspace_id, at, series)
    where exists (select 1 from usage_rollup r where r.workspace_id = p.workspace_id and r.grain = 0 and r.at = to_timestamp(p.at / 1000.0) and r.series = p.series)`.execute(
    db,
  )
  return new Set(rows.map(({ workspaceId, at, series }) => `${workspaceId} ${at} ${series}`))
}

/** How many series have a row of their own in each of some hours, in their order. */
export async function countSeries(db: Db, hours: readonly Hour[]): Promise<number[]> {
  const { rows } = await sql<{ count: number }>`
    select (select count(*)::int from usage_rollup r where r.workspace_id = p.workspace_id and r.grain = 0 and r.at = to_timestamp(p.at / 1000.0) and r.series > 0)
      as count
    from unnest(${numbers(hours.map((h) => h.workspaceId))}::uuid[], ${numbers(hours.map((h) => h.at))}::bigint[]) with ordinality as p (workspace_id, at, n)
    order by n`.execute(db)
  return rows.map(({ count }) => count)
}
