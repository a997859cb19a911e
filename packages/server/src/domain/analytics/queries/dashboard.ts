import type { Ctx } from '../../../core/context.ts'
import { pageSize } from '../../../core/page.ts'
import { type Grouping, groupOf } from '../model/groups.ts'
import { type Asked, iso, type Range, rangeOf, tooMuch } from '../model/range.ts'
import { type Report, reportOf } from '../model/report.ts'
import { emptyTally, mergeTally, type Tally } from '../model/tally.ts'
import { type Filter, scopeOf, seriesOf } from './scope.ts'
import { type Point, points } from './tallies.ts'

export type Dimension = Omit<Filter, 'from' | 'to'>
type Group = Readonly<{ key: string; name: string | null }>
export type Timed = { at: string } & Report
export type GroupSeries = Group & { totals: Report; points: Timed[] }

/** Groups that one answer tells apart. */
const mostGroups = 50

export const sumOf = (tallies: readonly Tally[]): Tally => {
  if (tallies.length === 1) return tallies[0]!
  const sum = emptyTally()
  for (const tally of tallies) mergeTally(sum, tally)
  return sum
}

/** Points as they go by, and all of them together. */
export function byTime(found: readonly Point[]): { totals: Report; points: Timed[] } {
  const times = [...Map.groupBy(found, ({ at }) => at)]
    .sort(([a], [b]) => a - b)
    .map(([at, atOnce]) => ({ at: iso(at), tally: sumOf(atOnce.map(({ tally }) => tally)) }))
  return {
    totals: reportOf(sumOf(times.map(({ tally }) => tally))),
    points: times.map(({ at, tally }) => ({ at, ...reportOf(tally) })),
  }
}

/** The points of a range, each with its group where it is asked for. @throws QuestionInvalid (422) */
export async function pointsOf(range: Range, filter: Dimension, groupBy: Grouping | undefined, ctx: Ctx) {
  const wanted = { ...filter, from: range.from, to: range.to }
  return ctx.read(async (db) => {
    const found = await points(db, range.interval, wanted, scopeOf(wanted, groupBy !== undefined, ctx))
    if (!found) throw tooMuch()
    if (groupBy === undefined) return { found, groups: new Map<string, { group: Group; points: Point[] }>() }
    const series = await seriesOf(db, [...new Set(found.map((point) => point.series))])
    const groups = new Map<string, { group: Group; points: Point[] }>()
    for (const point of found) {
      const group = groupOf(groupBy, series.get(point.series))
      const one = groups.get(group.key) ?? { group, points: [] }
      groups.set(group.key, one)
      one.points.push(point)
    }
    return { found, groups }
  })
}

const biggest = (a: { totals: Report }, b: { totals: Report }) => b.totals.requests - a.totals.requests

/** What was measured over a time, by time and, where it is asked for, by group. */
export async function getDashboard(
  { groupBy, from, to, interval, ...filter }: Dimension & Asked & { groupBy?: Grouping | undefined },
  ctx: Ctx,
) {
  const range = rangeOf({ from, to, interval }, Date.parse(ctx.now()))
  const { found, groups } = await pointsOf(range, filter, groupBy, ctx)
  const requestsOf = (own: readonly Point[]) => own.reduce((sum, { tally }) => sum + tally.requests, 0)
  const told = [...groups.values()].sort((a, b) => requestsOf(b.points) - requestsOf(a.points))
  return {
    from: iso(range.from),
    to: iso(range.to),
    interval: range.interval,
    ...byTime(found),
    ...(groupBy && {
      groups: told.slice(0, mostGroups).map(({ group, points: own }): GroupSeries => ({ ...group, ...byTime(own) })),
      groupCount: told.length,
    }),
  }
}

const relative = (now: number | null, before: number | null): number | null =>
  now === null || before === null || before === 0 ? null : (now - before) / before

/** Groups with their percentiles, and how they changed against as long a time before. */
export async function getPerformance(
  { groupBy = 'prompt', from, to, limit, ...filter }: Dimension & Asked & { groupBy?: Grouping | undefined; limit?: number | undefined },
  ctx: Ctx,
) {
  const range = rangeOf({ from, to }, Date.parse(ctx.now()))
  const earlier = { ...range, from: range.from - (range.to - range.from), to: range.from }
  const [present, past] = await Promise.all([pointsOf(range, filter, groupBy, ctx), pointsOf(earlier, filter, groupBy, ctx)])
  const total = (own: readonly Point[] | undefined) => reportOf(sumOf((own ?? []).map(({ tally }) => tally)))
  const items = [...present.groups.values()]
    .map(({ group, points: own }) => {
      const totals = total(own)
      const previous = total(past.groups.get(group.key)?.points)
      return { ...group, totals, previous, trend: trendOf(totals, previous) }
    })
    .sort(biggest)
  return { from: iso(range.from), to: iso(range.to), items: items.slice(0, pageSize(limit)), groupCount: items.length }
}

/** Relative changes; null where one of the two is not known. */
const trendOf = (now: Report, before: Report) => ({
  requests: relative(now.requests, before.requests),
  successRate: relative(now.successRate, before.successRate),
  latencyP95: relative(now.latencyMs.p95, before.latencyMs.p95),
  costPerRequest: relative(now.costPerRequestUsd.mean, before.costPerRequestUsd.mean),
  satisfaction: relative(now.satisfaction, before.satisfaction),
})
