import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { LabelInUse, LabelMoved, LabelNotFound, NothingToRevert } from '../model/failures.ts'
import { assertLabel } from '../model/labels.ts'
import { moveLabel, type Outcome, type State } from '../model/prompt.ts'
import type { Label, VersionNumber } from '../model/shapes.ts'
import { includersOf, includeStore } from '../store/include-store.ts'
import { promptStore } from '../store/prompt-store.ts'
import { applyOutcome, byOf, refuseCycle } from './apply.ts'

export type LabelView = Readonly<{ label: Label; version: VersionNumber; previousVersion: VersionNumber | null; promptId: string; revision: number }>

export type SetLabel = Readonly<{ id: string; label: Label; version: VersionNumber; expectedVersion?: VersionNumber | null | undefined; reason?: string | undefined }>

/** Let a label stand on a version. @throws LabelMoved (409) when it is not on `expectedVersion` (null: not set) */
export const setLabel = ({ id, label, version, expectedVersion, reason }: SetLabel, ctx: Ctx): Promise<LabelView> =>
  ctx.transact(async (tx) => {
    assertLabel(label)
    return move(tx, ctx, id, version, (state) => {
      const from = state.labels[label] ?? null
      if (expectedVersion !== undefined && expectedVersion !== from)
        throw new AppError(LabelMoved, `"${label}" is ${from === null ? 'not set' : `on version ${from}`}, not on ${expectedVersion ?? 'nothing'}. Look at its history before you move it.`, { members: { version: from } })
      return { label, to: version, reason }
    })
  })

/** Put a label back to where its last move took it from. */
export const revertLabel = ({ id, label, reason }: { id: string; label: Label; reason?: string | undefined }, ctx: Ctx): Promise<LabelView> =>
  ctx.transact(async (tx) => {
    const store = promptStore(tx)
    await store.lock(id)
    const last = await store.moves(id, label)
    if (!last) throw new AppError(LabelNotFound, `"${label}" was never set on this prompt.`)
    if (last.fromVersion === null) throw new AppError(NothingToRevert, `The last move of "${label}" was its first. Delete the label to take it away.`)
    const to = last.fromVersion
    return move(tx, ctx, id, to, () => ({ label, to, reason: reason ?? 'Revert' }))
  })

/** Take a label away. @throws LabelNotFound; LabelInUse (409) when other prompts include this one by the label */
export const deleteLabel = ({ id, label }: { id: string; label: Label }, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const state = await promptStore(tx).lock(id)
    if (state.labels[label] === undefined) throw new AppError(LabelNotFound, `"${label}" is not set on this prompt.`)
    const users = await includersOf(tx, id, label)
    if (users.length > 0) throw new AppError(LabelInUse, `These prompts include it by this label: ${users.join(', ')}. Change them first.`, { members: { usedBy: users } })
    await applyOutcome(tx, ctx, moveLabel(state, { label, to: null }, byOf(ctx)))
  })

/** What a version includes never changes, so it can be read before the row is locked, and the graph's lock taken first. */
async function move(tx: Db, ctx: Ctx, id: string, version: VersionNumber, decide: (state: State) => { label: Label; to: VersionNumber; reason?: string | undefined }): Promise<LabelView> {
  const edges = await includeStore(tx).edges(id, version)
  if (edges.length > 0) await includeStore(tx).lockGraph(ctx.workspaceId)
  const store = promptStore(tx)
  const state = await store.lock(id)
  await store.version(id, version)
  const decided = decide(state)
  if (edges.length > 0) await refuseCycle(tx, state, version, edges, 'later')
  const outcome: Outcome = moveLabel(state, decided, byOf(ctx))
  await applyOutcome(tx, ctx, outcome)
  return { label: decided.label, version, previousVersion: state.labels[decided.label] ?? null, promptId: id, revision: outcome.next.revision }
}
