import type { Ctx } from '../../../core/context.ts'
import { pageSize } from '../../../core/page.ts'
import { type Grouping, groupOf } from '../model/groups.ts'
import { type Asked, iso, rangeOf } from '../model/range.ts'
import { addSums, emptyTally, type Sums } from '../model/tally.ts'
import type { Dimension } from './dashboard.ts'
import { type GroupSums, groupsOf, measuredSeries } from './groups.ts'
import { listSavings, type Used } from './savings.ts'
import type { SeriesRow } from './scope.ts'

type CostGrouping = Grouping | 'category'
type Wanted = Dimension &
  Omit<Asked, 'interval'> &
  Readonly<{ groupBy?: CostGrouping | undefined; limit?: number | undefined; savings?: boolean | undefined }>

const group = (by: CostGrouping) => (series?: SeriesRow) =>
  by !== 'category' ? groupOf(by, series) : series ? { key: series.promptCategory ?? '', name: null } : groupOf('prompt', series)

const change = (now: number, before: number): number | null => (before === 0 ? null : (now - before) / before)

/** What there is in one of two times at least. */
function beside(present: readonly GroupSums[], past: readonly GroupSums[]) {
  const sumsIn = (groups: readonly GroupSums[]) => new Map(groups.map(({ key, sums }) => [key, sums]))
  const [now, before] = [sumsIn(present), sumsIn(past)]
  const names = new Map([...past, ...present].map(({ key, name }) => [key, name]))
  return [...names]
    .map(([key, name]) => ({ key, name, now: now.get(key) ?? emptyTally(), before: before.get(key) ?? emptyTally() }))
    .filter((one) => one.now.requests > 0 || one.before.requests > 0)
}

const costOf = (now: Sums, before: Sums) => ({
  costUsd: now.costMicros / 1e6,
  previousCostUsd: before.costMicros / 1e6,
  change: change(now.costMicros, before.costMicros),
  requests: now.requests,
  unpricedRequests: now.unpriced,
  costPerRequestUsd: now.requests === now.unpriced ? null : now.costMicros / 1e6 / (now.requests - now.unpriced),
})

/** What use has cost, by a dimension, beside as long a time before; and what each of the dearest prompts could save. @throws QuestionInvalid (422) */
export async function getCosts({ groupBy = 'prompt', from, to, limit, savings = true, ...filter }: Wanted, ctx: Ctx) {
  const range = rangeOf({ from, to, interval: 'day' }, Date.parse(ctx.now()), 30)
  const { present, past } = await ctx.read(async (db) => ({
    present: await measuredSeries(db, 'day', { ...filter, from: range.from, to: range.to }, ctx),
    past: await measuredSeries(db, 'day', { ...filter, from: 2 * range.from - range.to, to: range.from }, ctx),
  }))
  const groups = beside(groupsOf(present, group(groupBy)), groupsOf(past, group(groupBy))).sort(
    (a, b) => b.now.costMicros - a.now.costMicros || (a.key < b.key ? -1 : 1),
  )
  const total = { now: emptyTally(), before: emptyTally() }
  for (const { now, before } of groups) {
    addSums(total.now, now)
    addSums(total.before, before)
  }
  const used: Used[] = present.flatMap(({ series, sums }) => (series ? [{ series, sums }] : []))
  return {
    from: iso(range.from),
    to: iso(range.to),
    totals: costOf(total.now, total.before),
    items: groups.slice(0, pageSize(limit)).map(({ key, name, now, before }) => ({
      key,
      name,
      ...costOf(now, before),
      share: total.now.costMicros === 0 ? null : now.costMicros / total.now.costMicros,
    })),
    groupCount: groups.length,
    ...(savings && { savings: await listSavings(used, ctx) }),
  }
}
