import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { assertMayMove, type LabelGate } from '../model/gates.ts'
import { assertLabel, standsOn } from '../model/labels.ts'
import { rollbackVersion as rollback } from '../model/prompt.ts'
import type { Label, Prompt, VersionNumber } from '../model/shapes.ts'
import { promptStore } from '../store/prompt-store.ts'
import { applyOutcome, byOf, replyOf } from './apply.ts'
import { assertIncludes, includeAlike, tellIncludes } from './includes.ts'
import { assertFollowersCanUse } from './labels.ts'

export type RollbackVersion = Readonly<{
  id: string
  version: VersionNumber
  reason?: string | undefined
  labels?: readonly Label[] | undefined
}>

/** Make an earlier version the newest again, as a new version, and move the named labels to it. */
export const rollbackVersion =
  (gate: LabelGate) =>
  ({ id, version, reason, labels = [] }: RollbackVersion, ctx: Ctx): Promise<Prompt> =>
    ctx.transact(async (tx) => {
      for (const label of labels) assertLabel(label, '/labels')
      const store = promptStore(tx)
      const state = await store.lock(id)
      assertMay(ctx.actor, 'prompts:write', { category: state.category })
      await assertMayMove(gate, tx, ctx, { category: state.category, labels })
      const target = await store.version(id, version)
      const outcome = rollback(state, target, { reason, labels }, byOf(ctx))
      await applyOutcome(tx, ctx, state, outcome)
      await includeAlike(tx, outcome.next, version)
      const earlier = labels.map((label) => standsOn(state.labels, label) ?? state.version)
      const including = await tellIncludes(tx, ctx, outcome.next, [outcome.next.version, state.version, ...earlier])
      if (including) await assertIncludes(tx, ctx, outcome.next)
      for (const label of labels) await assertFollowersCanUse(tx, ctx, id, label, target)
      return replyOf(outcome, target)
    })
