import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type Erased, personErased } from '../model/settings.ts'
import { eraseUser } from '../store/erasure.ts'

/** @param db across workspaces @param hash in hex */
export type ForgetUnit = (db: Db, workspaceId: string, hash: string) => Promise<number>

/**
 * Take a person out of everything that was measured: events lose who it was and all that is not counted, sums by user are
 * removed, and what is counted of prompts stays. Doing it again does no harm.
 * @param hashUser how a workspace knows its users
 * @param forgetUnit takes a user out of A/B tests, in the same transaction; says of how many
 */
export const erasePerson =
  (hashUser: (workspaceId: string, userId: string) => string, forgetUnit: ForgetUnit) =>
  async (userId: string, ctx: Ctx): Promise<Erased> => {
    const hash = hashUser(ctx.workspaceId, userId)
    const erased = await ctx.system(async (db) => ({
      ...(await eraseUser(db, ctx.workspaceId, { userId, hash })),
      tests: await forgetUnit(db, ctx.workspaceId, hash),
    }))
    await ctx.transact((tx) => ctx.emit(tx, [personErased(ctx.workspaceId, { events: erased.events })]))
    return { ...erased, erasedAt: ctx.now() }
  }
