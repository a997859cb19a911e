import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { LabelInUse, LabelMoved, LabelNotFound, NothingToRevert } from '../model/failures.ts'
import { assertMayMove, type LabelGate } from '../model/gates.ts'
import { assertLabel, standsOn } from '../model/labels.ts'
import { moveLabel, type State, type VersionState } from '../model/prompt.ts'
import type { Label, VersionNumber } from '../model/shapes.ts'
import { includersOf, includeStore } from '../store/include-store.ts'
import { promptStore } from '../store/prompt-store.ts'
import { applyOutcome, byOf } from './apply.ts'
import { assertIncludes, tellIncludes } from './includes.ts'

export type LabelView = Readonly<{
  label: Label
  version: VersionNumber
  previousVersion: VersionNumber | null
  promptId: string
  revision: number
}>

export type SetLabel = Readonly<{
  id: string
  label: Label
  version: VersionNumber
  expectedVersion?: VersionNumber | null | undefined
  reason?: string | undefined
  ifMatch?: readonly string[] | undefined
}>

/** Let a label stand on a version. @throws LabelMoved (409) when it is not on `expectedVersion` (null: not set) */
export const setLabel =
  (gate: LabelGate) =>
  ({ id, label, version, expectedVersion, reason, ifMatch }: SetLabel, ctx: Ctx): Promise<LabelView> =>
    ctx.transact(async (tx) => {
      assertLabel(label)
      const state = await promptStore(tx).lock(id)
      await assertMayMove(gate, tx, ctx, { category: state.category, labels: [label] })
      assertIfMatch(ifMatch, String(state.revision))
      const from = standsOn(state.labels, label)
      if (expectedVersion !== undefined && expectedVersion !== from)
        throw new AppError(
          LabelMoved,
          `"${label}" is ${from === null ? 'not set' : `on version ${from}`}, not on ${expectedVersion ?? 'nothing'}. Look at its history before you move it.`,
          { members: { version: from } },
        )
      return move(tx, ctx, state, { label, to: version, reason })
    })

/** Put a label back to where its last move took it from. */
export const revertLabel =
  (gate: LabelGate) =>
  ({ id, label, reason, ifMatch }: Pick<SetLabel, 'id' | 'label' | 'reason' | 'ifMatch'>, ctx: Ctx): Promise<LabelView> =>
    ctx.transact(async (tx) => {
      const store = promptStore(tx)
      const state = await store.lock(id)
      await assertMayMove(gate, tx, ctx, { category: state.category, labels: [label] })
      assertIfMatch(ifMatch, String(state.revision))
      const last = await store.lastMove(id, label)
      if (!last) throw new AppError(LabelNotFound, `"${label}" was never set on this prompt.`)
      if (last.fromVersion === null)
        throw new AppError(NothingToRevert, `The last move of "${label}" was its first. Delete the label to take it away.`)
      return move(tx, ctx, state, { label, to: last.fromVersion, reason: reason ?? 'Revert' })
    })

/** Take a label away. @throws LabelNotFound; LabelInUse (409) when other prompts include this one by the label */
export const deleteLabel =
  (gate: LabelGate) =>
  ({ id, label, ifMatch }: { id: string; label: Label; ifMatch?: readonly string[] | undefined }, ctx: Ctx): Promise<void> =>
    ctx.transact(async (tx) => {
      const state = await promptStore(tx).lock(id)
      await assertMayMove(gate, tx, ctx, { category: state.category, labels: [label] })
      assertIfMatch(ifMatch, String(state.revision))
      const from = standsOn(state.labels, label)
      if (from === null) throw new AppError(LabelNotFound, `"${label}" is not set on this prompt.`)
      const outcome = moveLabel(state, { label, to: null }, byOf(ctx))
      await applyOutcome(tx, ctx, state, outcome)
      await tellIncludes(tx, ctx, outcome.next, [from, state.version])
      await includeStore(tx).lockGraph(ctx.workspaceId)
      const { names, told } = await includersOf(tx, { id, actor: ctx.actor }, label)
      if (told.length > 0)
        throw new AppError(LabelInUse, `These prompts include it by this label: ${told.join(', ')}. Change them first.`, {
          members: { usedBy: names },
        })
    })

type Wanted = Readonly<{ label: Label; to: VersionNumber; reason?: string | undefined }>

async function move(tx: Db, ctx: Ctx, state: State, wanted: Wanted): Promise<LabelView> {
  const { id } = state
  const { label, to: version } = wanted
  const target = await promptStore(tx).version(id, version)
  const outcome = moveLabel(state, wanted, byOf(ctx))
  await applyOutcome(tx, ctx, state, outcome)
  const earlier = standsOn(state.labels, label) ?? state.version
  if (await tellIncludes(tx, ctx, outcome.next, [version, earlier])) await assertIncludes(tx, ctx, { id, version })
  await assertFollowersCanUse(tx, ctx, id, label, target)
  return { label, version, previousVersion: standsOn(state.labels, label), promptId: id, revision: outcome.next.revision }
}

/** Who includes a prompt by a label includes texts: the label cannot come to stand on a chat. @throws LabelInUse (409) */
export async function assertFollowersCanUse(tx: Db, ctx: Ctx, id: string, label: Label, { body, version }: VersionState): Promise<void> {
  if (body.type === 'text') return
  await includeStore(tx).lockGraph(ctx.workspaceId)
  const { names, told } = await includersOf(tx, { id, actor: ctx.actor }, label)
  if (told.length > 0)
    throw new AppError(
      LabelInUse,
      `Version ${version} is a chat, which cannot be included, and these prompts include it by "${label}": ${told.join(', ')}.`,
      { members: { usedBy: names } },
    )
}
