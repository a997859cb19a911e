import type { Ctx } from '../../../core/context.ts'
import { between } from '../../../core/events.ts'
import type { PriceOverride } from '../model/prices.ts'
import { pricesChanged, type Settings, settingsChanged, type Wishes } from '../model/settings.ts'
import { findWishes, saveWishes } from '../store/settings.ts'

const settingsOf = ({ retentionDays, userIds }: Wishes): Settings => ({ retentionDays, userIds })

/** Change how measurements are kept; what is absent stays. */
export const changeSettings = (wanted: Partial<Settings>, ctx: Ctx): Promise<Settings> =>
  ctx.transact(async (tx) => {
    const before = await findWishes(tx)
    const after = { ...before, ...wanted }
    await saveWishes(tx, after, { actor: ctx.actor.id, at: ctx.now() })
    const [was, is] = [settingsOf(before), settingsOf(after)]
    await ctx.emit(tx, between(was, is, [settingsChanged(ctx.workspaceId, is)]))
    return is
  })

/** Put these prices in the place of those that the workspace had. Events that are stored keep their cost. */
export const setPrices = (prices: readonly PriceOverride[], ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const before = await findWishes(tx)
    await saveWishes(tx, { ...before, prices }, { actor: ctx.actor.id, at: ctx.now() })
    await ctx.emit(tx, between(before.prices, prices, [pricesChanged(ctx.workspaceId, { count: prices.length })]))
  })
