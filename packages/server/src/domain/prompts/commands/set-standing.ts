import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { assertVisible } from '../model/gates.ts'
import { changeStanding, type Standee, type Standing } from '../model/standing.ts'
import { promptStore } from '../store/prompt-store.ts'
import { standingStore } from '../store/standing-store.ts'
import { applyOutcome, byOf } from './apply.ts'

/**
 * Put a prompt elsewhere in its life: for the lifecycle, which says where to. The prompt's row is locked from before it
 * is looked at until the transaction ends, so what is decided holds.
 * @param decide says where the prompt shall stand; throws when it shall not
 * @returns it as it stands afterwards
 * @throws PromptNotFound, also for a prompt that the caller may not see
 */
export async function setStanding(
  id: string,
  decide: (before: Standee) => Promise<Standing>,
  tx: Db,
  ctx: Ctx,
): Promise<{ before: Standee; after: Standee }> {
  const state = await promptStore(tx).lock(id)
  assertVisible(ctx.actor, state)
  const standings = standingStore(tx)
  const before: Standee = { ...(await standings.get(id)), id, category: state.category, name: state.name, revision: state.revision }
  const wanted = await decide(before)
  const outcome = changeStanding(state, before, wanted, byOf(ctx))
  if (outcome.events.length > 0) await standings.save(id, wanted)
  await applyOutcome(tx, ctx, state, outcome)
  return { before, after: { ...before, ...wanted, revision: outcome.next.revision } }
}
