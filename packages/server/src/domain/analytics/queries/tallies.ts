import { sql } from 'kysely'

import type { Db } from '../../../core/db.ts'
import { type Grain, type RawRow, startOf, totalSeries } from '../model/rollup.ts'
import { count, emptyTally, mergeStored, type StoredTally, type Sums, sums, type Tally } from '../model/tally.ts'
import { type Filter, grainOf, type Scope, timeOf } from './scope.ts'

/** Sums and sketches of one place of the rollups. */
export type Point = Readonly<{ at: number; series: number; tally: Tally }>

const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
const sketches = ['latency_sketch', 'tokens_sketch', 'cost_sketch', 'output_sketch', 'score_sketch', 'users_sketch']
const columns = sql.raw([...sums.map(snake), ...sketches].map((name) => `r.${name}`).join(', '))

/** Rows of the rollups that one read takes at most; what is asked for beyond that has to be narrower or coarser. */
const mostRows = 60_000
/** Rows that are not counted yet: usually those of the last second. */
const mostTail = 200_000

/**
 * What was measured, by time and series, from the rollups, and from the few rows that are not in them yet: one snapshot
 * shows each event once. How many events there were is of no matter.
 * @param db one snapshot of the workspace
 * @returns undefined when there are more rows than one answer is made of
 */
export async function points(db: Db, grain: Grain, filter: Filter, scope: Scope): Promise<Point[] | undefined> {
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
  for (const row of await tail(db, filter, scope))
    count(tallyAt(startOf(grain, row.occurredAt), scope.whole ? totalSeries : row.series), row)
  return [...found.values()]
}

/** Raw rows that the fold has not counted. While all is to be counted again there is no saying which those are. */
async function tail(db: Db, filter: Filter, scope: Scope): Promise<RawRow[]> {
  const { rows } = await sql<RawRow>`
    select r.series, (extract(epoch from r.occurred_at) * 1000)::bigint as occurred_at, r.latency_us, r.cost_micros, r.input_tokens, r.output_tokens,
      r.cached_tokens, r.ttft_us, r.score, r.flags, encode(r.user_hash, 'hex') as user_hash
    from usage_event r where r.xid >= (select horizon from usage_fold where counted_by is not null)
      and r.occurred_at >= ${timeOf(filter.from)} and r.occurred_at < ${timeOf(filter.to)} and ${scope.whole ? sql`true` : scope.matching}
    limit ${mostTail}`.execute(db)
  return rows
}

const added = sql.raw(sums.map((name) => `sum(r.${snake(name)})::bigint as ${snake(name)}`).join(', '))

/** The sums of each series over a time, without sketches. @param grain the coarsest that the time is made of */
export async function sumsBySeries(db: Db, grain: Grain, filter: Filter, scope: Scope): Promise<Map<number, Sums>> {
  const { rows } = await sql<Sums & { series: number }>`
    select r.series, ${added} from usage_rollup r
    where r.grain = ${grainOf(grain)} and r.at >= ${timeOf(filter.from)} and r.at < ${timeOf(filter.to)} and ${scope.matching}
    group by r.series`.execute(db)
  const found = new Map<number, Tally>(rows.map(({ series, ...own }) => [series, { ...emptyTally(), ...own }]))
  for (const row of await tail(db, filter, scope)) {
    const tally = found.get(row.series) ?? emptyTally()
    found.set(row.series, tally)
    count(tally, row)
  }
  return found
}
