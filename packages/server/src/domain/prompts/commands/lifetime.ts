import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { PromptInUse } from '../model/failures.ts'
import { assertPolicies, type Gates, labelsTouched, type ServedChange } from '../model/gates.ts'
import { noIncluders } from '../model/includes.ts'
import { deletePrompt as remove, restorePrompt as restore, type State } from '../model/prompt.ts'
import type { BreakGlass, Prompt } from '../model/shapes.ts'
import { includersOf, includeStore } from '../store/include-store.ts'
import { judging } from '../store/judged.ts'
import { promptStore } from '../store/prompt-store.ts'
import { applyOutcome, byOf, replyOf } from './apply.ts'
import { assertIncludes } from './includes.ts'

export type DeletePrompt = Readonly<{
  id: string
  force?: boolean | undefined
  ifMatch?: readonly string[] | undefined
  breakGlass?: BreakGlass | undefined
}>

/** Take a prompt out of service; it can be restored. @throws PromptInUse (409) while others include it, a test serves it, or a label of it is protected, unless forced */
export const deletePrompt =
  (gates: Gates) =>
  ({ id, force = false, ifMatch, breakGlass }: DeletePrompt, ctx: Ctx): Promise<void> =>
    ctx.transact(async (tx) => {
      const state = await promptStore(tx).lock(id)
      const { category } = state
      assertMay(ctx.actor, 'prompts:write', { category })
      if (force) assertMay(ctx.actor, 'prompts:force', { category })
      assertIfMatch(ifMatch, String(state.revision))
      const [held] = force ? [] : await gates.labels(tx, ctx, { category, labels: Object.keys(state.labels) })
      if (held)
        throw new AppError(PromptInUse, `Its label "${held[0]}" is protected. Take the label away first, or send ?force=true.`, {
          members: { label: held[0] },
        })
      const uses = force ? [] : await gates.uses(tx, ctx, id)
      if (uses.length > 0)
        throw new AppError(PromptInUse, `It is served by ${uses.join(', ')}. End that first, or send ?force=true.`, {
          members: { servedBy: uses },
        })
      await assertPolicies(gates, tx, ctx, asAWhole(tx, state, breakGlass))
      await applyOutcome(tx, ctx, state, remove(state, byOf(ctx)))
      await includeStore(tx).lockGraph(ctx.workspaceId)
      const { names, told } = force ? noIncluders : await includersOf(tx, { id, actor: ctx.actor })
      if (told.length > 0)
        throw new AppError(
          PromptInUse,
          `These prompts include it: ${told.join(', ')}. Change them first, or send ?force=true (they cannot be served then).`,
          { members: { usedBy: names } },
        )
    })

/** All that a prompt serves goes, or comes back as it was: it is not judged anew, but nothing moves while it is frozen. */
const asAWhole = (tx: Db, { id, category, labels }: State, breakGlass: BreakGlass | undefined): ServedChange => ({
  ...judging(tx, id),
  category,
  labels: labelsTouched(labels),
  breakGlass,
})

/** Undo a deletion. @throws NameTaken (409) when another prompt has the name by now */
export const restorePrompt =
  (gates: Gates) =>
  ({ id, breakGlass }: Pick<DeletePrompt, 'id' | 'breakGlass'>, ctx: Ctx): Promise<Prompt> =>
    ctx.transact(async (tx) => {
      const store = promptStore(tx)
      const state = await store.lock(id, { deleted: true })
      assertMay(ctx.actor, 'prompts:write', { category: state.category })
      const newest = await store.version(id, state.version)
      const outcome = restore(state, byOf(ctx))
      if (outcome.events.length > 0) {
        await assertPolicies(gates, tx, ctx, asAWhole(tx, state, breakGlass))
        await applyOutcome(tx, ctx, state, outcome)
        await store.forgetFormerName(state)
        for (const version of await includeStore(tx).includingVersions(id)) await assertIncludes(tx, ctx, { id, version })
      }
      return replyOf(outcome, newest)
    })
