import { may } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { changeByMove, countByStatus, findStanding, followersOf } from '../../prompts/index.ts'
import type { Policy } from '../model/policies.ts'
import {
  allowedFrom,
  type Blocker,
  blockersOf,
  type Counts,
  type Lifecycle,
  type LifecycleMove,
  noneYet,
  rules,
  type Status,
} from '../model/transitions.ts'
import type { Policies } from '../policies.ts'
import { isVisible } from './policies.ts'
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
export const validateMove =
  (policies: Policies) =>
  async ({ id, status }: { id: string; status: Status }, ctx: Ctx): Promise<{ allowed: boolean; blockers: Blocker[] }> => {
    const prompt = await ctx.read((db) => findStanding(db, id))
    const mayMove = may(ctx.actor, 'lifecycle:write', { category: prompt.category })
    // Followers that the caller may not see stand in the way too.
    const blockers = await ctx.readAll(async (db) => {
      const { told: followers } = await followersOf(db, { id, actor: ctx.actor })
      const reviewedBy = await policies.reviewOf(db, ctx, prompt.category)
      const found = blockersOf(prompt.status, status, { mayMove, followers, reviewedBy })
      const isMove = allowedFrom(prompt.status).includes(status)
      const change = isMove ? await changeByMove(db, id, { status }) : undefined
      const [forbidden] = change ? await policies.gate(db, ctx, [change]) : []
      return [...found, ...(forbidden ?? []).map(({ code, scope, detail }) => ({ code, scope, detail }))]
    })
    return { allowed: blockers.length === 0, blockers }
  }

/** The statuses, the moves between them with their conditions, and the policies that bear on them, of those that the caller may see. */
export const getRules =
  (policies: Policies) =>
  async (ctx: Ctx): Promise<ReturnType<typeof rules> & { policies: Pick<Policy, 'scope' | 'approvals' | 'checks'>[] }> => {
    const all = await ctx.read((db) => policies.inForce(db, ctx))
    const told = all.filter(({ scope }) => isVisible(ctx.actor, scope))
    return { ...rules(), policies: told.map(({ scope, approvals, checks }) => ({ scope, approvals, checks })) }
  }
