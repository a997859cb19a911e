import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { assertMayMove, assertPolicies, type Gates, type ServedChange } from '../model/gates.ts'
import { assertLabel, standsOn } from '../model/labels.ts'
import { type Outcome, rollbackVersion as rollback, type State, type VersionState } from '../model/prompt.ts'
import type { BreakGlass, Label, Prompt, VersionNumber } from '../model/shapes.ts'
import { judging } from '../store/judged.ts'
import { promptStore } from '../store/prompt-store.ts'
import { applyOutcome, byOf, replyOf } from './apply.ts'
import { assertIncludes, includeAlike, tellIncludes } from './includes.ts'
import { assertFollowersCanUse } from './labels.ts'

export type RollbackVersion = Readonly<{
  id: string
  version: VersionNumber
  reason?: string | undefined
  labels?: readonly Label[] | undefined
  breakGlass?: BreakGlass | undefined
}>

/** Make an earlier version the newest again, as a new version, and move the named labels to it. */
export const rollbackVersion =
  (gates: Gates) =>
  ({ id, version, reason, labels = [], breakGlass }: RollbackVersion, ctx: Ctx): Promise<Prompt> =>
    ctx.transact(async (tx) => {
      for (const label of labels) assertLabel(label, '/labels')
      const store = promptStore(tx)
      const state = await store.lock(id)
      assertMay(ctx.actor, 'prompts:write', { category: state.category })
      await assertMayMove(gates, tx, ctx, { category: state.category, labels })
      const target = await store.version(id, version)
      const outcome = rollback(state, target, { reason, labels }, byOf(ctx))
      if (labels.length > 0) await assertPolicies(gates, tx, ctx, { ...asRolledBack(tx, state, target, outcome), breakGlass })
      await applyOutcome(tx, ctx, state, outcome)
      await includeAlike(tx, outcome.next, version)
      const earlier = labels.map((label) => standsOn(state.labels, label) ?? state.version)
      const including = await tellIncludes(tx, ctx, outcome.next, [outcome.next.version, state.version, ...earlier])
      if (including) await assertIncludes(tx, ctx, outcome.next)
      for (const label of labels) await assertFollowersCanUse(tx, ctx, id, label, target)
      return replyOf(outcome, target)
    })

/** What policies judge: labels come to stand on a version that is not stored yet, and is like an earlier one. */
function asRolledBack(tx: Db, { id, category }: State, target: VersionState, { next, version, moves = [] }: Outcome): ServedChange {
  const stored = judging(tx, id)
  return {
    ...stored,
    category,
    labels: moves,
    version: async (number) => (number === next.version ? { ...target, ...version } : stored.version(number)),
    variables: (number) => stored.variables(number === next.version ? target.version : number),
  }
}
