import { assertMay, may } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError, isAppError } from '../../../core/errors.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { prefix } from '../../../core/http/mount.ts'
import { type ProblemBody, problemOf } from '../../../core/problem.ts'
import { findStandings, followersOf, type Standee, setStanding } from '../../prompts/index.ts'
import { replacementsOf } from '../../relationships/index.ts'
import {
  allowedFrom,
  BulkRefused,
  blockersOf,
  invalid,
  type Lifecycle,
  MoveBlocked,
  plan,
  type Standing,
  type Wanted,
} from '../model/transitions.ts'
import type { Policies } from '../policies.ts'
import { lifecycleStore } from '../store/moves.ts'

export type Move = Wanted &
  Readonly<{ reason?: string | undefined; force?: boolean | undefined; breakGlass?: Readonly<{ reason: string }> | undefined }>
export type MovePrompt = Move & Readonly<{ id: string; ifMatch?: readonly string[] | undefined }>

/**
 * Move a prompt to another status, and write it into its history. Moves of one prompt queue on its row, so of several at
 * once that do not follow from each other one wins.
 * @throws PromptNotFound; Forbidden (403); PreconditionFailed (412); MoveNotAllowed, MoveBlocked, PolicyBlocked (409); DeprecationInvalid (422)
 */
export const movePrompt =
  (policies: Policies) =>
  ({ id, ifMatch, ...move }: MovePrompt, ctx: Ctx): Promise<Lifecycle> =>
    ctx.transact(async (tx) => {
      const at = ctx.now()
      const gate = { id, policies: policies.gate, breakGlass: move.breakGlass }
      const { before, after } = await setStanding(gate, (standee) => decide(policies, standee, { ...move, ifMatch, at }, tx, ctx), tx, ctx)
      const [by, reason] = [ctx.actor.id, move.reason ?? null]
      await lifecycleStore(tx).record({ promptId: id, from: before.status, to: after, reason, by, at })
      const { id: promptId, ...standing } = after
      return { promptId, ...standing, allowed: allowedFrom(after.status), reason, movedBy: by, movedAt: at }
    })

type Decided = Omit<MovePrompt, 'id'> & Readonly<{ at: string }>

async function decide(policies: Policies, standee: Standee, { ifMatch, at, ...move }: Decided, tx: Db, ctx: Ctx): Promise<Standing> {
  const { id, category, status, revision } = standee
  assertMay(ctx.actor, 'lifecycle:write', { category })
  if (move.force) assertMay(ctx.actor, 'prompts:force', { category })
  assertIfMatch(ifMatch, String(revision))
  const next = plan(id, standee, await withSuccessor(standee, move, tx, ctx), at)
  if (next.successorId !== null && next.successorId !== standee.successorId) await assertSuccessor(next.successorId, tx, ctx)
  if (next.status !== status) {
    const followers = move.force ? [] : (await followersOf(tx, { id, actor: ctx.actor })).told
    const reviewedBy = move.breakGlass ? undefined : await policies.reviewOf(tx, ctx, category)
    const blockers = blockersOf(status, next.status, { mayMove: true, followers, reviewedBy })
    if (blockers.length > 0) throw new AppError(MoveBlocked, blockers.map(({ detail }) => detail).join(' '), { members: { blockers } })
  }
  return next
}

/** Who deprecates a prompt and says nothing of a successor announces the one that replaces it, where there is such a relationship. */
async function withSuccessor({ id, status }: Standee, move: Move, tx: Db, ctx: Ctx): Promise<Move> {
  if (move.status !== 'deprecated' || status === 'deprecated' || move.successorId !== undefined) return move
  const ids = await replacementsOf(tx, id)
  const standings = await findStandings(tx, ids)
  const successorId = ids.find((one) => standings.some((standing) => standing.id === one && canSucceed(standing, ctx)))
  return successorId === undefined ? move : { ...move, successorId }
}

const isReadable = ({ category }: Standee, { actor }: Ctx): boolean => may(actor, 'prompts:read', { category })
const canSucceed = (standing: Standee, ctx: Ctx): boolean => isReadable(standing, ctx) && standing.status !== 'archived'

/** A successor can be read by whoever names it, and served. @throws DeprecationInvalid (422) */
async function assertSuccessor(successorId: string, tx: Db, ctx: Ctx): Promise<void> {
  const [successor] = await findStandings(tx, [successorId])
  if (!successor || !isReadable(successor, ctx)) throw invalid('successorId', `There is no prompt ${successorId} to be its successor.`)
  if (successor.status === 'archived') throw invalid('successorId', 'An archived prompt cannot be a successor. Name one that is served.')
}

export type BulkOutcome = { items: (Lifecycle | null)[]; errors: { index: number; problem: ProblemBody }[] }

type Many = Move & Readonly<{ promptIds: readonly string[] }>

/**
 * Move many prompts the same way, one transaction each: those that can go do, and of the others it is told why not.
 * @param input.atomic all in one transaction instead: all of them or none
 * @throws BulkRefused (409) when it is atomic and some cannot go
 */
export const moveMany =
  (policies: Policies) =>
  ({ atomic = false, ...many }: Many & { atomic?: boolean | undefined }, ctx: Ctx): Promise<BulkOutcome> =>
    !atomic
      ? moveEach(policies, many, ctx)
      : ctx.transact(async (tx) => {
          const outcome = await moveEach(policies, many, { ...ctx, transact: (work) => work(tx) })
          if (outcome.errors.length === 0) return outcome
          const detail = `${outcome.errors.length} of ${many.promptIds.length} cannot go, so none was moved. See "failures", or send it without "atomic".`
          throw new AppError(BulkRefused, detail, { members: { failures: outcome.errors } })
        })

async function moveEach(policies: Policies, { promptIds, ...move }: Many, ctx: Ctx): Promise<BulkOutcome> {
  const outcome: BulkOutcome = { items: [], errors: [] }
  for (const [index, id] of promptIds.entries())
    try {
      outcome.items.push(await movePrompt(policies)({ ...move, id }, ctx))
    } catch (error) {
      if (!isAppError(error)) throw error
      outcome.items.push(null)
      outcome.errors.push({ index, problem: problemOf(error, { instance: `${prefix}/lifecycle/bulk`, requestId: ctx.requestId }) })
    }
  return outcome
}
