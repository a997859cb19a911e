import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { IncludeCycle, IncludeCycleLater } from '../model/failures.ts'
import { type Edge, findCycle } from '../model/includes.ts'
import type { By, Outcome, State, VersionState } from '../model/prompt.ts'
import type { Prompt } from '../model/shapes.ts'
import type { IncludeRef } from '../model/templates/index.ts'
import { promptView } from '../model/view.ts'
import { includeStore } from '../store/include-store.ts'
import { promptStore } from '../store/prompt-store.ts'

export const byOf = (ctx: Ctx): By => ({ actor: ctx.actor.id, at: ctx.now() })

/** Store what a rule says follows, and tell it. */
export async function applyOutcome(tx: Db, ctx: Ctx, outcome: Outcome, edges: readonly Edge[] = []): Promise<void> {
  const { next, formerName, events } = outcome
  if (events.length === 0) return
  const store = promptStore(tx)
  await store.save(next)
  await addParts(tx, outcome, edges, byOf(ctx))
  if (formerName) {
    await store.forgetFormerName(next)
    await store.keepFormerName(next.id, formerName, ctx.now())
  }
  await ctx.emit(tx, events)
}

/** The rows beside the prompt's own: version, includes, labels. */
export async function addParts(tx: Db, { next, version, moves }: Outcome, edges: readonly Edge[], by: By): Promise<void> {
  const store = promptStore(tx)
  if (version) {
    await store.addVersion(next.id, version)
    await includeStore(tx).add(next.id, version.version, edges)
  }
  if (moves && moves.length > 0) await store.applyMoves(next.id, moves, by)
}

/** The reply to a write that may have made a version. */
export const replyOf = (outcome: Outcome, newest: VersionState): Prompt => promptView(outcome.next, outcome.version ?? newest, outcome.warnings)

/**
 * Find what a new version includes, and refuse a cycle. The caller holds the graph's lock when there may be includes.
 * @throws IncludeNotFound, IncludeCycle (422)
 */
export async function resolveIncludes(tx: Db, state: State, version: number, refs: readonly IncludeRef[]): Promise<Edge[]> {
  if (refs.length === 0) return []
  const edges = await includeStore(tx).resolve(refs)
  await refuseCycle(tx, state, version, edges, 'save')
  return edges
}

/**
 * @param moment `save` refuses with 422 (the text is wrong), `later` with 409 (the state stands against it)
 */
export async function refuseCycle(tx: Db, state: State, version: number, edges: readonly Edge[], moment: 'save' | 'later'): Promise<void> {
  const kind = moment === 'save' ? IncludeCycle : IncludeCycleLater
  const { nodes, names } = await includeStore(tx).reachable(edges)
  const cycle = findCycle(
    { promptId: state.id, version, edges },
    {
      targets: ({ targetId, targetVersion }) => (nodes.get(targetId) ?? []).filter((node) => targetVersion === null || node.version === targetVersion),
      nameOf: (id) => (id === state.id ? `${state.category}/${state.name}` : (names.get(id) ?? id)),
    },
    kind,
  )
  if (cycle) throw new AppError(kind, `The prompt would include itself: ${cycle.join(' → ')}. Take one of these includes out.`, { members: { cycle } })
}
