import { may } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { countByStatus, findStanding, followersOf } from '../../prompts/index.ts'
import {
  allowedFrom,
  type Blocker,
  blockersOf,
  type Counts,
  type Lifecycle,
  type LifecycleMove,
  noneYet,
  type Status,
} from '../model/transitions.ts'
import '../tables.ts'

const columns = ['id', 'fromStatus as from', 'toStatus as to', 'reason', 'sunsetAt', 'successorId', 'movedBy', 'movedAt'] as const

const movesOf = (db: Db, promptId: string) =>
  db.selectFrom('lifecycleMove').select(columns).where('promptId', '=', promptId).orderBy('id', 'desc')

/** Where a prompt stands, how it came there, and where it can go. @throws PromptNotFound */
export const getLifecycle = ({ id }: { id: string }, ctx: Ctx): Promise<Lifecycle> =>
  ctx.read(async (db) => {
    const { id: promptId, ...standing } = await findStanding(db, id)
    const last = await movesOf(db, id).limit(1).executeTakeFirst()
    return {
      promptId,
      ...standing,
      allowed: allowedFrom(standing.status),
      reason: last?.reason ?? null,
      movedBy: last?.movedBy ?? null,
      movedAt: last?.movedAt ?? null,
    }
  })

/** The moves of a prompt, newest first. @throws PromptNotFound */
export async function listMoves({ id, ...paged }: { id: string } & Paged, ctx: Ctx): Promise<Page<LifecycleMove>> {
  const { after, take, page } = stepOf(`lifecycle ${id}`, paged, ctx)
  return ctx.read(async (db) => {
    await findStanding(db, id)
    const rows = await movesOf(db, id)
      .$if(after !== undefined, (query) => query.where('id', '<', Number(after?.[0])))
      .limit(take)
      .execute()
    const found = await page(
      rows,
      (last) => [last.id],
      () => countMoves(db, id),
    )
    return { ...found, items: found.items.map(({ id: _id, ...move }) => move) }
  })
}

const countMoves = async (db: Db, promptId: string): Promise<number> =>
  Number(
    (
      await db
        .selectFrom('lifecycleMove')
        .select((e) => e.fn.countAll().as('count'))
        .where('promptId', '=', promptId)
        .executeTakeFirstOrThrow()
    ).count,
  )

/** How many live prompts that the caller may see have each status. */
export async function countPrompts(filter: { category?: string | undefined }, ctx: Ctx): Promise<Counts> {
  const found = await countByStatus(filter, ctx)
  const counts = { ...noneYet, ...Object.fromEntries(found.map(({ status, count }) => [status, count])) }
  return { counts, total: found.reduce((sum, { count }) => sum + count, 0) }
}

/** What would happen to a move by this caller, without a force: allowed, or what stands in its way. @throws PromptNotFound */
export async function validateMove(
  { id, status }: { id: string; status: Status },
  ctx: Ctx,
): Promise<{ allowed: boolean; blockers: Blocker[] }> {
  const prompt = await ctx.read((db) => findStanding(db, id))
  const mayMove = may(ctx.actor, 'lifecycle:write', { category: prompt.category })
  // Followers that the caller may not see stand in the way too.
  const { told: followers } = await ctx.readAll((db) => followersOf(db, { id, actor: ctx.actor }))
  const blockers = blockersOf(prompt.status, status, { mayMove, followers })
  return { allowed: blockers.length === 0, blockers }
}
