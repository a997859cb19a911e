import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { assertReadOnlyUnchanged, type Change, changePrompt as change } from '../model/change.ts'
import { assertPolicies, assertUnprotected, type Gates, labelsTouched } from '../model/gates.ts'
import type { State, VersionState } from '../model/prompt.ts'
import type { BreakGlass, Prompt } from '../model/shapes.ts'
import { promptView } from '../model/view.ts'
import { includeStore } from '../store/include-store.ts'
import { judging } from '../store/judged.ts'
import { type PromptStore, promptStore } from '../store/prompt-store.ts'
import { applyOutcome, byOf, replyOf } from './apply.ts'
import { includeAlike, includeByText, tellIncludes } from './includes.ts'

type Sent = Readonly<Record<string, unknown>>
export type ChangePrompt = Readonly<{
  id: string
  change: Change
  /** The body as it was sent: read-only fields in it must be unchanged. */
  sent?: Sent
  ifMatch?: readonly string[] | undefined
  breakGlass?: BreakGlass | undefined
}>

/**
 * Change any field of a prompt; writers queue on its row, so numbers have no gaps and nobody fails for being late. To
 * another category it takes its labels along: protected ones only with who may move them, here and there.
 */
export const changePrompt =
  (gates: Gates) =>
  ({ id, change: wanted, sent, ifMatch, breakGlass }: ChangePrompt, ctx: Ctx): Promise<Prompt> =>
    ctx.transact(async (tx) => {
      const store = promptStore(tx)
      const state = await store.lock(id)
      assertMay(ctx.actor, 'prompts:write', { category: state.category })
      assertIfMatch(ifMatch, String(state.revision))
      const newest = await store.version(id, state.version, { redacted: true })
      if (sent) assertReadOnlyUnchanged(promptView(state, await asRead(store, state, newest, sent)), sent)
      const outcome = change(state, newest, wanted, byOf(ctx))
      if (outcome.next.category !== state.category) await assertMayCarry(gates, tx, ctx, { state, to: outcome.next.category, breakGlass })
      await applyOutcome(tx, ctx, state, outcome)
      if (outcome.includes) {
        const kept = await includeStore(tx).edges(id, state.version)
        await includeByText(tx, ctx, outcome.next, outcome.includes, kept)
        if (kept.length + outcome.includes.length > 0) await tellIncludes(tx, ctx, outcome.next, [state.version, outcome.next.version])
      } else if (outcome.version) await includeAlike(tx, outcome.next, state.version)
      return replyOf(outcome, newest)
    })

type Carried = Readonly<{ state: State; to: string; breakGlass: BreakGlass | undefined }>

/** To another category a prompt takes its labels along: there they come to stand, here they go. @throws LabelProtected (403), PolicyBlocked (409) */
async function assertMayCarry(gates: Gates, tx: Db, ctx: Ctx, { state, to, breakGlass }: Carried): Promise<void> {
  for (const category of [state.category, to]) {
    assertMay(ctx.actor, 'prompts:write', { category })
    assertUnprotected(await gates.labels(tx, ctx, { category, labels: Object.keys(state.labels) }))
  }
  if (Object.keys(state.labels).length === 0) return
  const change = { ...judging(tx, state.id), breakGlass }
  const standing = Object.entries(state.labels).map(([label, version]) => ({ label, from: null, to: version }))
  await assertPolicies(
    gates,
    tx,
    ctx,
    { ...change, category: state.category, labels: labelsTouched(state.labels) },
    { ...change, category: to, labels: standing },
  )
}

/** The version that was read, when an earlier one is sent back. */
const asRead = async (store: PromptStore, state: State, newest: VersionState, { version }: Sent): Promise<VersionState> =>
  typeof version === 'number' && Number.isInteger(version) && version >= 1 && version < state.version
    ? store.version(state.id, version, { redacted: true })
    : newest
