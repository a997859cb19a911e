import type { Ctx } from '../../../core/context.ts'
import { type Keeping, removeOldEvents } from '../store/old-events.ts'

/** Remove the workspace's events that are older than so many days. @returns how many went */
export const cleanUp = (days: number, keeping: Keeping, ctx: Ctx): Promise<number> =>
  removeOldEvents(days, { within: ctx.transact, keeping, now: ctx.now })
