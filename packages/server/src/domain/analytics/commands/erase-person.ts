import type { Ctx } from '../../../core/context.ts'
import { type Erased, personErased } from '../model/settings.ts'
import { eraseUser } from '../store/erasure.ts'

/**
 * Take a person out of everything that was measured: events lose who it was and all that is not counted, sums by user are
 * removed, and what is counted of prompts stays. Doing it again does no harm.
 * @param hashUser how a workspace knows its users
 */
export const erasePerson =
  (hashUser: (workspaceId: string, userId: string) => string) =>
  async (userId: string, ctx: Ctx): Promise<Erased> => {
    const hash = hashUser(ctx.workspaceId, userId)
    const erased = await ctx.system((db) => eraseUser(db, ctx.workspaceId, hash))
    await ctx.transact((tx) => ctx.emit(tx, [personErased(ctx.workspaceId, { events: erased.events })]))
    return { ...erased, erasedAt: ctx.now() }
  }
