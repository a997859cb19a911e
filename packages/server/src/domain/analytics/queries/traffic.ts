import type { Ctx } from '../../../core/context.ts'
import { dayMs } from '../model/measurement.ts'
import { scopeOf } from './scope.ts'
import { sumsBySeries } from './tallies.ts'

const days = 28

/** What was measured of a prompt in the last four weeks, from the rollups: for those who plan a test of it. What the caller may not see does not count. */
export function trafficOf(promptId: string, ctx: Ctx): Promise<{ requests: number; successes: number; days: number }> {
  const to = Date.parse(ctx.now()) + 1
  const filter = { from: Math.floor((to - days * dayMs) / dayMs) * dayMs, to, promptId }
  return ctx.read(async (db) => {
    const bySeries = await sumsBySeries(db, 'day', filter, scopeOf(filter, true, ctx))
    const sum = (pick: (sums: { requests: number; errors: number }) => number) =>
      [...bySeries.values()].reduce((all, one) => all + pick(one), 0)
    const requests = sum((one) => one.requests)
    return { requests, successes: requests - sum(({ errors }) => errors), days }
  })
}
