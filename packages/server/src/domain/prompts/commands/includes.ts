import { may } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { unprocessable } from '../../../core/problem.ts'
import { includesChanged } from '../model/events.ts'
import { IncludeNotFound } from '../model/failures.ts'
import { assertGraph, type Edge, nodeKey } from '../model/includes.ts'
import { called, type State } from '../model/prompt.ts'
import type { IncludeRef } from '../model/templates/index.ts'
import { includeStore } from '../store/include-store.ts'
import { promptStore } from '../store/prompt-store.ts'

type At = Readonly<{ id: string; version: number }>

/**
 * Find and store what the text of a new version includes.
 * @param kept what the version before included: those references keep their prompt
 * @throws IncludeNotFound, IncludeCycle, IncludeTooDeep (422)
 */
export async function includeByText(
  tx: Db,
  ctx: Ctx,
  { id, version }: At,
  refs: readonly IncludeRef[],
  kept: readonly Edge[] = [],
): Promise<void> {
  if (refs.length === 0) return
  const includes = includeStore(tx)
  await includes.lockGraph(ctx.workspaceId)
  const edges = await includes.resolve(refs, kept, ctx.now())
  await assertMayInclude(
    tx,
    ctx,
    edges.filter(({ reference }) => !kept.some((edge) => edge.reference === reference)),
  )
  await includes.add(id, version, edges)
  assertGraph(nodeKey(id, version), await includes.around(id, version, ctx.actor), 'save')
}

/** What is included can be read: who may read certain categories or labels only does not come by others that way. */
async function assertMayInclude(tx: Db, { actor }: Ctx, edges: readonly Edge[]): Promise<void> {
  if (!actor.limits?.has('prompts:read')) return
  for (const { reference, targetId, targetLabel: label } of edges) {
    const { category } = await promptStore(tx).get(targetId)
    if (!may(actor, 'prompts:read', { category, label }))
      throw unprocessable(IncludeNotFound, '/content', 'include.not_found', `The included prompt "${reference}" does not exist.`)
  }
}

/** Store for a new version with the text of an earlier one that it includes the same. */
export async function includeAlike(tx: Db, { id, version }: At, earlier: number): Promise<void> {
  const includes = includeStore(tx)
  await includes.add(id, version, await includes.edges(id, earlier))
}

/** After a version came into use: refuse a cycle, and a chain that became too deep. @throws IncludeCycleLater, IncludeTooDeepLater (409) */
export async function assertIncludes(tx: Db, ctx: Ctx, { id, version }: At): Promise<void> {
  const includes = includeStore(tx)
  if ((await includes.edges(id, version)).length === 0) return
  await includes.lockGraph(ctx.workspaceId)
  assertGraph(nodeKey(id, version), await includes.around(id, version, ctx.actor), 'later')
}

/**
 * Tell, when versions that come into use and go out of it include different prompts, that what the prompt includes has changed.
 * @returns whether any of them includes something
 */
export async function tellIncludes(tx: Db, ctx: Ctx, state: State, versions: readonly number[]): Promise<boolean> {
  const targets = await includeStore(tx).targets(state.id, versions)
  if (new Set(versions.map((version) => targets.get(version))).size > 1) await ctx.emit(tx, [includesChanged(state.id, called(state))])
  return targets.size > 0
}
