import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type Grouping, groupOf } from '../model/groups.ts'
import type { Grain } from '../model/rollup.ts'
import { addSums, emptyTally, type Sums, sumsIn } from '../model/tally.ts'
import { type Filter, type SeriesRow, scopeOf, seriesOf } from './scope.ts'
import { sumsBySeries } from './tallies.ts'

type Named = Readonly<{ key: string; name: string | null }>
/** A group, what was measured of it, and the series that are of it. */
export type GroupSums = Named & Readonly<{ sums: Sums; series: number[] }>

/** The series of a time, what they are of, and their sums. @param grain the coarsest that the time is made of @throws Overloaded (503) */
export async function measuredSeries(db: Db, grain: Grain, filter: Filter, ctx: Ctx) {
  const sums = await sumsBySeries(db, grain, filter, scopeOf(filter, true, ctx))
  const known = await seriesOf(db, [...sums.keys()])
  return [...sums].map(([id, own]) => ({ id, sums: own, series: known.get(id) }))
}
export type MeasuredSeries = Readonly<{ id: number; sums: Sums; series: SeriesRow | undefined }>

/** Series by group, those with the most uses first. @param by a dimension, or what says which group a series is of; without a series it is one beyond the limit */
export function groupsOf(measured: readonly MeasuredSeries[], by: Grouping | ((series?: SeriesRow) => Named)): GroupSums[] {
  const found = new Map<string, GroupSums>()
  for (const { id, sums, series } of measured) {
    const named = typeof by === 'function' ? by(series) : groupOf(by, series)
    const one = found.get(named.key) ?? { ...named, sums: sumsIn(emptyTally()), series: [] }
    found.set(named.key, one)
    addSums(one.sums, sums)
    one.series.push(id)
  }
  return [...found.values()].sort((a, b) => b.sums.requests - a.sums.requests || (a.key < b.key ? -1 : 1))
}
