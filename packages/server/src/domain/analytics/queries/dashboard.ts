import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { pageSize } from '../../../core/page.ts'
import type { Grouping } from '../model/groups.ts'
import { type Asked, iso, type Range, rangeOf } from '../model/range.ts'
import { type Report, reportOf } from '../model/report.ts'
import { emptyTally, mergeTally, type Tally } from '../model/tally.ts'
import { type GroupSums, groupsOf, measuredSeries } from './groups.ts'
import { type Filter, scopeOf, scopeOfSeries } from './scope.ts'
import { points, pointsByGroup } from './tallies.ts'

export type Dimension = Omit<Filter, 'from' | 'to'>
export type Timed = { at: string } & Report
export type GroupSeries = { key: string; name: string | null } & { totals: Report; points: Timed[] }

/** Groups that one answer tells apart. */
const mostGroups = 50

const byAt = (a: Timed, b: Timed) => (a.at < b.at ? -1 : 1)

/** How something goes by time, and all of it together. */
function timeline() {
  const [total, points] = [emptyTally(), [] as Timed[]]
  return {
    add: (at: number, tally: Tally) => {
      points.push({ at: iso(at), ...reportOf(tally) })
      mergeTally(total, tally)
    },
    told: () => ({ totals: reportOf(total), points: points.sort(byAt) }),
  }
}

/** All that was measured over a time, by time. @throws QuestionInvalid (422) */
export async function timelineOf(db: Db, { interval, ...span }: Range, filter: Dimension, ctx: Ctx) {
  const [wanted, line] = [{ ...filter, ...span }, timeline()]
  for (const { at, tally } of await points(db, interval, wanted, scopeOf(wanted, false, ctx))) line.add(at, tally)
  return line.told()
}

/** What was measured of some groups, one time after another. @throws QuestionInvalid (422) */
function pointsOf(db: Db, { interval, ...span }: Range, groups: readonly GroupSums[]) {
  const groupOf = new Map(groups.flatMap(({ key, series }) => series.map((id) => [id, key] as const)))
  return pointsByGroup(db, interval, span, scopeOfSeries([...groupOf.keys()]), (id) => groupOf.get(id)!)
}

async function groupTimelines(db: Db, range: Range, groups: readonly GroupSums[]): Promise<GroupSeries[]> {
  const lines = new Map(groups.map((group) => [group.key, timeline()]))
  for await (const { at, groups: measured } of pointsOf(db, range, groups))
    for (const [key, tally] of measured) lines.get(key)!.add(at, tally)
  return groups.map(({ key, name }) => ({ key, name, ...lines.get(key)!.told() }))
}

/** What was measured of each of some groups, by key. @throws QuestionInvalid (422) */
export async function groupTotals(db: Db, range: Range, groups: readonly GroupSums[]): Promise<ReadonlyMap<string, Tally>> {
  const totals = new Map(groups.map(({ key }) => [key, emptyTally()]))
  for await (const { groups: measured } of pointsOf(db, range, groups))
    for (const [key, tally] of measured) mergeTally(totals.get(key)!, tally)
  return totals
}

/** What was measured over a time, by time and, where it is asked for, by group. */
export async function getDashboard(
  { groupBy, from, to, interval, ...filter }: Dimension & Asked & { groupBy?: Grouping | undefined },
  ctx: Ctx,
) {
  const range = rangeOf({ from, to, interval }, Date.parse(ctx.now()))
  return ctx.read(async (db) => {
    const whole = await timelineOf(db, range, filter, ctx)
    const told = { from: iso(range.from), to: iso(range.to), interval: range.interval, ...whole }
    if (groupBy === undefined) return told
    const groups = groupsOf(await measuredSeries(db, range.interval, { ...filter, ...range }, ctx), groupBy)
    return { ...told, groups: await groupTimelines(db, range, groups.slice(0, mostGroups)), groupCount: groups.length }
  })
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
  return ctx.read(async (db) => {
    const groupsIn = async (span: Range) => groupsOf(await measuredSeries(db, span.interval, { ...filter, ...span }, ctx), groupBy)
    const groups = await groupsIn(range)
    const told = groups.slice(0, pageSize(limit))
    const keys = new Set(told.map(({ key }) => key))
    const present = await groupTotals(db, range, told)
    const past = await groupTotals(
      db,
      earlier,
      (await groupsIn(earlier)).filter(({ key }) => keys.has(key)),
    )
    const items = told.map(({ key, name }) => {
      const [totals, previous] = [reportOf(present.get(key)!), reportOf(past.get(key) ?? emptyTally())]
      return { key, name, totals, previous, trend: trendOf(totals, previous) }
    })
    return { from: iso(range.from), to: iso(range.to), items, groupCount: groups.length }
  })
}

/** Relative changes; null where one of the two is not known. */
const trendOf = (now: Report, before: Report) => ({
  requests: relative(now.requests, before.requests),
  successRate: relative(now.successRate, before.successRate),
  latencyP95: relative(now.latencyMs.p95, before.latencyMs.p95),
  costPerRequest: relative(now.costPerRequestUsd.mean, before.costPerRequestUsd.mean),
  satisfaction: relative(now.satisfaction, before.satisfaction),
})
