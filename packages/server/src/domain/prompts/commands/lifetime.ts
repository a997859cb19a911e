import type { Ctx } from '../../../core/context.ts'
import { assertMay } from '../../../core/access.ts'
import { AppError } from '../../../core/errors.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { NameTaken, PromptInUse } from '../model/failures.ts'
import { assertLabel } from '../model/labels.ts'
import { deletePrompt as remove, restorePrompt as restore, rollbackVersion as rollback } from '../model/prompt.ts'
import type { Label, Prompt, VersionNumber } from '../model/shapes.ts'
import { promptView } from '../model/view.ts'
import { includersOf, includeStore } from '../store/include-store.ts'
import { promptStore } from '../store/prompt-store.ts'
import { applyOutcome, byOf, refuseCycle, replyOf } from './apply.ts'

export type RollbackVersion = Readonly<{ id: string; version: VersionNumber; reason?: string | undefined; labels?: readonly Label[] | undefined }>

/** Make an earlier version the newest again, as a new version. */
export const rollbackVersion = ({ id, version, reason, labels }: RollbackVersion, ctx: Ctx): Promise<Prompt> =>
  ctx.transact(async (tx) => {
    for (const label of labels ?? []) assertLabel(label, '/labels')
    const includes = includeStore(tx)
    const edges = await includes.edges(id, version)
    if (edges.length > 0) await includes.lockGraph(ctx.workspaceId)
    const store = promptStore(tx)
    const state = await store.lock(id)
    const target = await store.version(id, version)
    const outcome = rollback(state, target, { reason, labels }, byOf(ctx))
    if (edges.length > 0) await refuseCycle(tx, state, outcome.next.version, edges, 'later')
    await applyOutcome(tx, ctx, outcome, edges)
    return replyOf(outcome, target)
  })

export type DeletePrompt = Readonly<{ id: string; force?: boolean | undefined; ifMatch?: readonly string[] | undefined }>

/** Take a prompt out of service; it can be restored. @throws PromptInUse (409) while others include it, unless forced */
export const deletePrompt = ({ id, force = false, ifMatch }: DeletePrompt, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    if (force) assertMay(ctx.actor, 'prompts:force')
    const state = await promptStore(tx).lock(id)
    assertIfMatch(ifMatch, String(state.revision))
    const users = force ? [] : await includersOf(tx, id)
    if (users.length > 0)
      throw new AppError(PromptInUse, `These prompts include it: ${users.join(', ')}. Change them first, or send ?force=true (they cannot be served then).`, { members: { usedBy: users } })
    await applyOutcome(tx, ctx, remove(state, byOf(ctx)))
  })

/** Undo a deletion. @throws NameTaken (409) when another prompt has the name by now */
export const restorePrompt = ({ id }: { id: string }, ctx: Ctx): Promise<Prompt> =>
  ctx.transact(async (tx) => {
    await includeStore(tx).lockGraph(ctx.workspaceId)
    const store = promptStore(tx)
    const state = await store.lock(id, { deleted: true })
    const newest = await store.version(id, state.version)
    if (state.deletedAt === null) return promptView(state, newest)
    if (await store.nameTaken(state.category, state.name))
      throw new AppError(NameTaken, `"${state.category}/${state.name}" belongs to another prompt by now. Rename that one first.`)
    for (const version of new Set([state.version, ...Object.values(state.labels)])) await refuseCycle(tx, state, version, await includeStore(tx).edges(id, version), 'later')
    const outcome = restore(state, byOf(ctx))
    await applyOutcome(tx, ctx, outcome)
    return replyOf(outcome, newest)
  })
