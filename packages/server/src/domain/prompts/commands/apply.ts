import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { between } from '../../../core/events.ts'
import type { By, Outcome, State, VersionState } from '../model/prompt.ts'
import type { Prompt } from '../model/shapes.ts'
import { promptView } from '../model/view.ts'
import { promptStore } from '../store/prompt-store.ts'

export const byOf = (ctx: Ctx): By => ({ actor: ctx.actor.id, at: ctx.now() })

/**
 * Store what a rule says follows from the present state of a prompt, and tell it. What concerns includes comes after.
 * @param before the state that the outcome follows from
 * @throws NameTaken (409)
 */
export async function applyOutcome(tx: Db, ctx: Ctx, before: State, outcome: Outcome): Promise<void> {
  const { next, version, moves = [], formerName, events } = outcome
  if (events.length === 0) return
  const store = promptStore(tx)
  await store.save(next)
  if (version) await store.addVersion(next.id, version)
  if (moves.length > 0) await store.applyMoves(next.id, moves, byOf(ctx))
  await ctx.emit(tx, between(before, next, events))
  if (formerName) {
    await store.forgetFormerName(next)
    await store.keepFormerName(next.id, formerName, ctx.now())
  }
}

/** The reply to a write that may have made a version. */
export const replyOf = (outcome: Outcome, newest: VersionState): Prompt =>
  promptView(outcome.next, outcome.version ?? newest, outcome.warnings)
