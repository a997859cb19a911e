import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { LabelInUse, LabelMoved, LabelNotFound, NothingToRevert } from '../model/failures.ts'
import { assertMayMove, assertPolicies, type Gates } from '../model/gates.ts'
import { assertLabel, standsOn } from '../model/labels.ts'
import { moveLabel, type Outcome, type State, type VersionState } from '../model/prompt.ts'
import type { BreakGlass, Label, VersionNumber } from '../model/shapes.ts'
import { includersOf, includeStore } from '../store/include-store.ts'
import { judging } from '../store/judged.ts'
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
  breakGlass?: BreakGlass | undefined
}>

/** Let a label stand on a version. @throws LabelMoved (409) when it is not on `expectedVersion` (null: not set) */
export const setLabel =
  (gates: Gates) =>
  ({ id, label, version, expectedVersion, reason, ifMatch, breakGlass }: SetLabel, ctx: Ctx): Promise<LabelView> =>
    ctx.transact(async (tx) => {
      assertLabel(label)
      const state = await promptStore(tx).lock(id)
      await assertMayMove(gates, tx, ctx, { category: state.category, labels: [label] })
      assertIfMatch(ifMatch, String(state.revision))
      const from = standsOn(state.labels, label)
      if (expectedVersion !== undefined && expectedVersion !== from)
        throw new AppError(
          LabelMoved,
          `"${label}" is ${from === null ? 'not set' : `on version ${from}`}, not on ${expectedVersion ?? 'nothing'}. Look at its history before you move it.`,
          { members: { version: from } },
        )
      return move(gates, tx, ctx, state, { label, to: version, reason, breakGlass })
    })

export type RevertLabel = Pick<SetLabel, 'id' | 'label' | 'reason' | 'ifMatch' | 'breakGlass'>

/** Put a label back to where its last move took it from. */
export const revertLabel =
  (gates: Gates) =>
  ({ id, label, reason, ifMatch, breakGlass }: RevertLabel, ctx: Ctx): Promise<LabelView> =>
    ctx.transact(async (tx) => {
      const store = promptStore(tx)
      const state = await store.lock(id)
      await assertMayMove(gates, tx, ctx, { category: state.category, labels: [label] })
      assertIfMatch(ifMatch, String(state.revision))
      const last = await store.lastMove(id, label)
      if (!last) throw new AppError(LabelNotFound, `"${label}" was never set on this prompt.`)
      if (last.fromVersion === null)
        throw new AppError(NothingToRevert, `The last move of "${label}" was its first. Delete the label to take it away.`)
      return move(gates, tx, ctx, state, { label, to: last.fromVersion, reason: reason ?? 'Revert', breakGlass })
    })

export type DeleteLabel = Pick<SetLabel, 'id' | 'label' | 'ifMatch' | 'breakGlass'>

/** Take a label away. @throws LabelNotFound; LabelInUse (409) when other prompts include this one by the label */
export const deleteLabel =
  (gates: Gates) =>
  ({ id, label, ifMatch, breakGlass }: DeleteLabel, ctx: Ctx): Promise<void> =>
    ctx.transact(async (tx) => {
      const state = await promptStore(tx).lock(id)
      await assertMayMove(gates, tx, ctx, { category: state.category, labels: [label] })
      assertIfMatch(ifMatch, String(state.revision))
      const from = standsOn(state.labels, label)
      if (from === null) throw new AppError(LabelNotFound, `"${label}" is not set on this prompt.`)
      const outcome = moveLabel(state, { label, to: null }, byOf(ctx))
      await assertMoves(gates, tx, ctx, state, outcome, breakGlass)
      await applyOutcome(tx, ctx, state, outcome)
      await tellIncludes(tx, ctx, outcome.next, [from, state.version])
      await includeStore(tx).lockGraph(ctx.workspaceId)
      const { names, told } = await includersOf(tx, { id, actor: ctx.actor }, label)
      if (told.length > 0)
        throw new AppError(LabelInUse, `These prompts include it by this label: ${told.join(', ')}. Change them first.`, {
          members: { usedBy: names },
        })
    })

type Wanted = Readonly<{ label: Label; to: VersionNumber; reason?: string | undefined; breakGlass: BreakGlass | undefined }>

async function move(gates: Gates, tx: Db, ctx: Ctx, state: State, wanted: Wanted): Promise<LabelView> {
  const { id } = state
  const { label, to: version } = wanted
  const target = await promptStore(tx).version(id, version)
  const outcome = moveLabel(state, wanted, byOf(ctx))
  await assertMoves(gates, tx, ctx, state, outcome, wanted.breakGlass)
  await applyOutcome(tx, ctx, state, outcome)
  const earlier = standsOn(state.labels, label) ?? state.version
  if (await tellIncludes(tx, ctx, outcome.next, [version, earlier])) await assertIncludes(tx, ctx, { id, version })
  await assertFollowersCanUse(tx, ctx, id, label, target)
  return { label, version, previousVersion: standsOn(state.labels, label), promptId: id, revision: outcome.next.revision }
}

/** What policies say of the moves that follow; a label that stays where it is meets none. @throws PolicyBlocked (409) */
async function assertMoves(gates: Gates, tx: Db, ctx: Ctx, state: State, { moves = [] }: Outcome, breakGlass: BreakGlass | undefined) {
  if (moves.length === 0) return
  await assertPolicies(gates, tx, ctx, { ...judging(tx, state.id), category: state.category, labels: moves, breakGlass })
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
