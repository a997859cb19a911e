import { sql } from 'kysely'

import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { Overloaded } from '../../../core/problem.ts'
import { type Grain, type RawRow, startOf, totalSeries } from '../model/rollup.ts'
import { addSums, count, emptyTally, mergeStored, type StoredTally, type Sums, sums, sumsIn, type Tally } from '../model/tally.ts'
import { pieces } from '../store/cursor.ts'
import { type Filter, grainOf, type Scope, timeOf } from './scope.ts'

/** Sums and sketches of one place of the rollups. */
export type Point = Readonly<{ at: number; series: number; tally: Tally }>

const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
const sketches = ['latency_sketch', 'tokens_sketch', 'cost_sketch', 'output_sketch', 'score_sketch', 'users_sketch']
const columns = sql.raw([...sums.map(snake), ...sketches].map((name) => `r.${name}`).join(', '))

/** Rows of the rollups that one read takes at most; what is asked for beyond that has to be narrower or coarser. */
const mostRows = 60_000
/** Rows that are not counted yet: usually those of the last second, read at once. More are read by pieces, and of too many nothing is told. */
const tailLimits = { atOnce: 5_000, most: 1_000_000 }

/**
 * What was measured, by time and series, from the rollups, and from the few rows that are not in them yet: one snapshot
 * shows each event once. How many events there were is of no matter.
 * @param db one snapshot of the workspace
 * @returns undefined when there are more rows than one answer is made of
 * @throws Overloaded (503) while counting is so far behind that the answer would lack something
 */
export async function points(db: Db, grain: Grain, filter: Filter, scope: Scope, limits = tailLimits): Promise<Point[] | undefined> {
  const { rows } = await sql<StoredTally & { at: number; series: number }>`
    select (extract(epoch from r.at) * 1000)::bigint as at, r.series, ${columns} from usage_rollup r
    where r.grain = ${grainOf(grain)} and r.at >= ${timeOf(filter.from)} and r.at < ${timeOf(filter.to)} and ${scope.matching}
    limit ${mostRows + 1}`.execute(db)
  if (rows.length > mostRows) return undefined
  const found = new Map<string, Point>()
  const tallyAt = (at: number, series: number): Tally => {
    const key = `${at} ${series}`
    const point = found.get(key) ?? { at, series, tally: emptyTally() }
    found.set(key, point)
    return point.tally
  }
  for (const { at, series, ...stored } of rows) mergeStored(tallyAt(at, series), stored)
  for await (const piece of tail(db, filter, scope, limits))
    for (const row of piece) count(tallyAt(startOf(grain, row.occurredAt), scope.whole ? totalSeries : row.series), row)
  return [...found.values()]
}

/**
 * Raw rows that the fold has not counted, all of them. While all is to be counted again there is no saying which those are.
 * Few come in one trip; of many, few are in memory at a time.
 */
async function* tail(db: Db, filter: Filter, scope: Scope, { atOnce, most }: typeof tailLimits): AsyncGenerator<RawRow[]> {
  const query = sql<RawRow>`
    select r.series, (extract(epoch from r.occurred_at) * 1000)::bigint as occurred_at, r.latency_us, r.cost_micros, r.input_tokens, r.output_tokens,
      r.cached_tokens, r.ttft_us, r.score, r.flags, encode(r.user_hash, 'hex') as user_hash
    from usage_event r where r.xid >= (select horizon from usage_fold where counted_by is not null)
      and r.occurred_at >= ${timeOf(filter.from)} and r.occurred_at < ${timeOf(filter.to)} and ${scope.whole ? sql`true` : scope.matching}`
  const { rows } = await sql<RawRow>`${query} limit ${atOnce + 1}`.execute(db)
  if (rows.length <= atOnce) return yield rows
  let read = 0
  for await (const piece of pieces<RawRow>(db, query, atOnce)) {
    read += piece.length
    if (read > most) throw behind(most)
    yield piece
  }
}

const behind = (most: number) =>
  new AppError(
    Overloaded,
    `More than ${most.toLocaleString('en')} events of this time are stored but not counted yet, and an answer would lack some. Ask again in a few seconds, or for an earlier time.`,
    { headers: { 'Retry-After': '5' } },
  )

const added = sql.raw(sums.map((name) => `sum(r.${snake(name)})::bigint as ${snake(name)}`).join(', '))

/** The sums of each series over a time, without sketches. @param grain the coarsest that the time is made of @throws Overloaded (503) like `points` */
export async function sumsBySeries(db: Db, grain: Grain, filter: Filter, scope: Scope, limits = tailLimits): Promise<Map<number, Sums>> {
  const { rows } = await sql<Sums & { series: number }>`
    select r.series, ${added} from usage_rollup r
    where r.grain = ${grainOf(grain)} and r.at >= ${timeOf(filter.from)} and r.at < ${timeOf(filter.to)} and ${scope.matching}
    group by r.series`.execute(db)
  const found = new Map<number, Sums>(rows.map(({ series, ...own }) => [series, own]))
  const fresh = new Map<number, Tally>() // sketches take room: of the few that are not counted yet
  for await (const piece of tail(db, filter, scope, limits))
    for (const row of piece) {
      const tally = fresh.get(row.series) ?? emptyTally()
      fresh.set(row.series, tally)
      count(tally, row)
    }
  for (const [series, tally] of fresh) {
    const counted = found.get(series)
    if (counted) addSums(tally, counted)
    found.set(series, sumsIn(tally))
  }
  return found
}
