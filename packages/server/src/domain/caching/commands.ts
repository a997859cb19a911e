import type { Ctx } from '../../core/context.ts'
import { type Areas, cacheInvalidated, matcher, mayKnow, type Neighbours, type Selection, selectedAreas } from './model.ts'

/** Forget entries on all instances. @returns how many this instance had, of those that the caller may know of */
export async function invalidate(selection: Selection, areas: Areas, neighbours: Neighbours, ctx: Ctx): Promise<{ invalidated: number }> {
  const test = matcher(ctx.workspaceId, selection, neighbours)
  const isKnown = (key: string, tags: readonly string[]) => mayKnow(ctx.actor, 'cache:write', () => neighbours.describe(key, tags).names)
  const counts = selectedAreas(areas, selection).map(
    ([, cache]) => cache.entries(Number.POSITIVE_INFINITY).filter(({ key, tags }) => test(key, tags) && isKnown(key, tags)).length,
  )
  const invalidated = counts.reduce((sum, count) => sum + count, 0)
  const { area, promptId, pattern } = selection
  const data = {
    ...(area !== undefined && { area }),
    ...(promptId !== undefined && { promptId }),
    ...(pattern !== undefined && { pattern }),
  }
  await ctx.transact((tx) => ctx.emit(tx, [cacheInvalidated(promptId ?? ctx.workspaceId, data)]))
  return { invalidated }
}

type Wanted = Readonly<{ category: string; name: string; label?: string | undefined }>
export type WarmUp = Readonly<{
  items?: readonly Wanted[] | undefined
  limit?: number | undefined
}>

/** Serve each prompt once, eight at a time: the given ones, or those that changed last. */
export async function warmUp(
  { items, limit = 1000 }: WarmUp,
  { warm, recent }: Neighbours,
  ctx: Ctx,
): Promise<{ warmed: number; failed: number }> {
  const wanted: readonly Wanted[] = items ?? (await recent(limit, ctx))
  let warmed = 0
  let next = 0
  const worker = async () => {
    while (next < wanted.length) {
      const { category, name, label } = wanted[next++]!
      if (await warm({ category, name, label }, ctx)) warmed++
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return { warmed, failed: wanted.length - warmed }
}
