import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { assertReadOnlyUnchanged, type Change, changePrompt as change } from '../model/change.ts'
import { assertUnprotected, type LabelGate } from '../model/gates.ts'
import type { State, VersionState } from '../model/prompt.ts'
import type { Prompt } from '../model/shapes.ts'
import { promptView } from '../model/view.ts'
import { includeStore } from '../store/include-store.ts'
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
}>

/**
 * Change any field of a prompt; writers queue on its row, so numbers have no gaps and nobody fails for being late. To
 * another category it takes its labels along: protected ones only with who may move them, here and there.
 */
export const changePrompt =
  (gate: LabelGate) =>
  ({ id, change: wanted, sent, ifMatch }: ChangePrompt, ctx: Ctx): Promise<Prompt> =>
    ctx.transact(async (tx) => {
      const store = promptStore(tx)
      const state = await store.lock(id)
      assertMay(ctx.actor, 'prompts:write', { category: state.category })
      assertIfMatch(ifMatch, String(state.revision))
      const newest = await store.version(id, state.version, { redacted: true })
      if (sent) assertReadOnlyUnchanged(promptView(state, await asRead(store, state, newest, sent)), sent)
      const outcome = change(state, newest, wanted, byOf(ctx))
      if (outcome.next.category !== state.category)
        for (const { category } of [state, outcome.next]) {
          assertMay(ctx.actor, 'prompts:write', { category })
          assertUnprotected(await gate(tx, ctx, { category, labels: Object.keys(state.labels) }))
        }
      await applyOutcome(tx, ctx, state, outcome)
      if (outcome.includes) {
        const kept = await includeStore(tx).edges(id, state.version)
        await includeByText(tx, ctx, outcome.next, outcome.includes, kept)
        if (kept.length + outcome.includes.length > 0) await tellIncludes(tx, ctx, outcome.next, [state.version, outcome.next.version])
      } else if (outcome.version) await includeAlike(tx, outcome.next, state.version)
      return replyOf(outcome, newest)
    })

/** The version that was read, when an earlier one is sent back. */
const asRead = async (store: PromptStore, state: State, newest: VersionState, { version }: Sent): Promise<VersionState> =>
  typeof version === 'number' && Number.isInteger(version) && version >= 1 && version < state.version
    ? store.version(state.id, version, { redacted: true })
    : newest
