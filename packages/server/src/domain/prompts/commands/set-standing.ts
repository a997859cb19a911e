import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { assertPolicies, assertVisible, type Gates, labelsTouched, type ServedChange } from '../model/gates.ts'
import type { State } from '../model/prompt.ts'
import type { BreakGlass } from '../model/shapes.ts'
import { changeStanding, type Standee, type Standing } from '../model/standing.ts'
import { judging } from '../store/judged.ts'
import { promptStore } from '../store/prompt-store.ts'
import { standingStore } from '../store/standing-store.ts'
import { applyOutcome, byOf } from './apply.ts'

export type SetStanding = Pick<Gates, 'policies'> & Readonly<{ id: string; breakGlass?: BreakGlass | undefined }>

type Stands = Pick<Standing, 'status'>
/** To their callers drafts and prompts under review are the same. */
const isUnreleased = ({ status }: Stands): boolean => status === 'draft' || status === 'review'

/** What a move changes for those who are served the prompt; undefined: nothing. */
function servedChange(tx: Db, { id, category, labels, version }: State, before: Stands, wanted: Stands): ServedChange | undefined {
  if (isUnreleased(before) && isUnreleased(wanted)) return undefined
  const publishes = wanted.status === 'published' && before.status !== 'published' && { publishes: version }
  return { ...judging(tx, id), category, labels: labelsTouched(labels), ...publishes }
}

/** What policies are asked of a move to a status, for who only wants to know. @throws PromptNotFound */
export async function changeByMove(db: Db, id: string, wanted: Stands): Promise<ServedChange | undefined> {
  const state = await promptStore(db).get(id)
  return servedChange(db, state, state, wanted)
}

/**
 * Put a prompt elsewhere in its life: for the lifecycle, which says where to. The prompt's row is locked from before it
 * is looked at until the transaction ends, so what is decided holds.
 * @param decide says where the prompt shall stand; throws when it shall not
 * @returns it as it stands afterwards
 * @throws PromptNotFound, also for a prompt that the caller may not see; PolicyBlocked (409)
 */
export async function setStanding(
  { id, policies, breakGlass }: SetStanding,
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
  const change = outcome.events.length > 0 && servedChange(tx, state, before, wanted)
  if (change) await assertPolicies({ policies }, tx, ctx, { ...change, breakGlass })
  if (outcome.events.length > 0) await standings.save(id, wanted)
  await applyOutcome(tx, ctx, state, outcome)
  return { before, after: { ...before, ...wanted, revision: outcome.next.revision } }
}
