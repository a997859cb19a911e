import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { NameTaken } from '../model/failures.ts'
import { assertReadOnlyUnchanged, type Change, changePrompt as change } from '../model/prompt.ts'
import type { Prompt } from '../model/shapes.ts'
import { mayInclude } from '../model/content.ts'
import { promptView } from '../model/view.ts'
import { includeStore } from '../store/include-store.ts'
import { promptStore } from '../store/prompt-store.ts'
import { applyOutcome, byOf, replyOf, resolveIncludes } from './apply.ts'

export type ChangePrompt = Readonly<{
  id: string
  change: Change
  /** The body as it was sent: read-only fields in it must be unchanged. */
  sent?: Readonly<Record<string, unknown>>
  ifMatch?: readonly string[] | undefined
}>

/** Change any field of a prompt; writers queue on its row, so numbers have no gaps and nobody fails for being late. */
export const changePrompt = ({ id, change: wanted, sent, ifMatch }: ChangePrompt, ctx: Ctx): Promise<Prompt> =>
  ctx.transact(async (tx) => {
    if (wanted.content !== undefined && mayInclude(wanted.content)) await includeStore(tx).lockGraph(ctx.workspaceId)
    const store = promptStore(tx)
    const state = await store.lock(id)
    assertIfMatch(ifMatch, String(state.revision))
    const newest = await store.version(id, state.version)
    if (sent) assertReadOnlyUnchanged(promptView(state, newest), sent)
    const outcome = change(state, newest, wanted, byOf(ctx))
    if (outcome.formerName && (await store.nameTaken(outcome.next.category, outcome.next.name)))
      throw new AppError(NameTaken, `"${outcome.next.category}/${outcome.next.name}" exists already. Choose another name.`)
    const edges = await resolveIncludes(tx, outcome.next, outcome.next.version, outcome.includes ?? [])
    await applyOutcome(tx, ctx, outcome, edges)
    return replyOf(outcome, newest)
  })
