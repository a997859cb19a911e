import type { Ctx } from '../../../core/context.ts'
import { dayMs } from '../model/measurement.ts'
import type { PriceOverride } from '../model/prices.ts'
import { startOf } from '../model/rollup.ts'
import type { Settings } from '../model/settings.ts'
import { findWishes } from '../store/settings.ts'
import { scopeOf, seriesOf } from './scope.ts'
import { sumsBySeries } from './tallies.ts'

export const getSettings = async (ctx: Ctx): Promise<Settings> => {
  const { retentionDays, userIds } = await ctx.read(findWishes)
  return { retentionDays, userIds }
}

type UnknownModel = { provider: string; model: string; requests: number }
const mostUnknown = 200

/** The prices that the workspace has set, and the models of the last 30 days of whose uses some have no cost, most uses first. */
export async function getPrices(ctx: Ctx): Promise<{ items: PriceOverride[]; unknownModels: UnknownModel[] }> {
  const now = Date.parse(ctx.now())
  const filter = { from: startOf('day', now - 30 * dayMs), to: startOf('day', now) + dayMs }
  return ctx.read(async (db) => {
    const { prices } = await findWishes(db)
    const unpriced = [...(await sumsBySeries(db, 'day', filter, scopeOf(filter, true, ctx)))].filter(([, sums]) => sums.unpriced > 0)
    const series = await seriesOf(
      db,
      unpriced.map(([id]) => id),
    )
    const found = new Map<string, UnknownModel>()
    for (const [id, { unpriced: requests }] of unpriced) {
      const one = series.get(id)
      if (!one) continue
      const key = `${one.provider}\n${one.model}`
      const model = found.get(key) ?? { provider: one.provider, model: one.model, requests: 0 }
      found.set(key, model)
      model.requests += requests
    }
    return { items: [...prices], unknownModels: [...found.values()].sort((a, b) => b.requests - a.requests).slice(0, mostUnknown) }
  })
}
