import type { Ctx } from '../../../core/context.ts'
import { pageSize } from '../../../core/page.ts'
import { type Grouping, groupOf } from '../model/groups.ts'
import { type Asked, iso, rangeOf } from '../model/range.ts'
import { emptyTally, type Sums, sums } from '../model/tally.ts'
import type { Dimension } from './dashboard.ts'
import { listSavings, type Used } from './savings.ts'
import { type SeriesRow, scopeOf, seriesOf } from './scope.ts'
import { sumsBySeries } from './tallies.ts'

type CostGrouping = Grouping | 'category'
type Wanted = Dimension &
  Omit<Asked, 'interval'> &
  Readonly<{ groupBy?: CostGrouping | undefined; limit?: number | undefined; savings?: boolean | undefined }>

const group = (by: CostGrouping, series: SeriesRow | undefined) =>
  by !== 'category' ? groupOf(by, series) : series ? { key: series.promptCategory ?? '', name: null } : groupOf('prompt', series)

const add = (into: Sums, from: Sums) => {
  for (const name of sums) into[name] += from[name]
}
const change = (now: number, before: number): number | null => (before === 0 ? null : (now - before) / before)

function grouped(
  by: CostGrouping,
  present: ReadonlyMap<number, Sums>,
  past: ReadonlyMap<number, Sums>,
  series: ReadonlyMap<number, SeriesRow>,
) {
  const found = new Map<string, { key: string; name: string | null; now: Sums; before: Sums }>()
  const put = (which: 'now' | 'before', all: ReadonlyMap<number, Sums>) => {
    for (const [id, own] of all) {
      const named = group(by, series.get(id))
      const one = found.get(named.key) ?? { ...named, now: emptyTally(), before: emptyTally() }
      found.set(named.key, one)
      add(one[which], own)
    }
  }
  put('now', present)
  put('before', past)
  return [...found.values()].filter(({ now, before }) => now.requests > 0 || before.requests > 0)
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
  const { present, past, series } = await ctx.read(async (db) => {
    const read = (begin: number, end: number) => {
      const wanted = { ...filter, from: begin, to: end }
      return sumsBySeries(db, 'day', wanted, scopeOf(wanted, true, ctx))
    }
    const now = await read(range.from, range.to)
    const before = await read(2 * range.from - range.to, range.from)
    return { present: now, past: before, series: await seriesOf(db, [...new Set([...now.keys(), ...before.keys()])]) }
  })
  const groups = grouped(groupBy, present, past, series).sort((a, b) => b.now.costMicros - a.now.costMicros || (a.key < b.key ? -1 : 1))
  const total = { now: emptyTally(), before: emptyTally() }
  for (const { now, before } of groups) {
    add(total.now, now)
    add(total.before, before)
  }
  const used: Used[] = [...present].flatMap(([id, own]) => (series.has(id) ? [{ series: series.get(id)!, sums: own }] : []))
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
