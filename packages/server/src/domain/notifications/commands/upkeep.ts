import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { deleteDeliveries, deliveriesByState, eventsPending, plannedUpTo } from '../store/deliveries.ts'

/** Deliveries in one transaction. */
const batch = 2_000

/** Remove deliveries that are over, with their attempts. @param within one transaction: of a workspace, or across all of them. @returns how many */
async function removeOld(days: number, within: <T>(work: (tx: Db) => Promise<T>) => Promise<T>, now: string): Promise<number> {
  const before = new Date(Date.parse(now) - days * 24 * 3_600_000).toISOString()
  let removed = 0
  for (let last = batch; last === batch; removed += last) last = await within((tx) => deleteDeliveries(tx, before, batch))
  return removed
}

/** What the upkeep of events needs to know of deliveries, and what of them grows old. */
export const deliveryUpkeep = {
  /** What `cleanup` calls them. */
  what: 'deliveries',
  /** Remove deliveries of this workspace that are over and older than so many days, with their attempts. @returns how many */
  cleanUp: (days: number, ctx: Ctx): Promise<number> => removeOld(days, ctx.transact, ctx.now()),
  removeOld,
  /** How many deliveries of this workspace are in each state. */
  byState: (ctx: Ctx): Promise<Record<string, number>> => ctx.read(deliveriesByState),
  /** Of some events those that are still to be delivered: they stay. */
  held: eventsPending,
  /** Up to where deliveries are planned: events after it stay. */
  plannedUpTo,
}
