import type { Cache } from '../core/cache.ts'
import type { Ctx } from '../core/context.ts'
import { describeKey, listPrompts, promptTag, type Serving } from '../domain/prompts/index.ts'
import { createTaggedCache } from '../infrastructure/cache/tagged-cache.ts'

/** Three quarters for finished answers, a quarter for the versions that they were made of. */
export const openCaches = (bytes: number) => ({
  served: createTaggedCache<never>({ name: 'served', maxBytes: Math.max(1, Math.floor(bytes * 0.75)), enabled: bytes > 0 }) as Cache<never>,
  bodies: createTaggedCache<never>({ name: 'bodies', maxBytes: Math.max(1, Math.floor(bytes * 0.25)), enabled: bytes > 0 }) as Cache<never>,
})

/** What the caching context asks of prompts. */
export const cachingNeighbours = (store: Serving) => ({
  warm: (wanted: { category: string; name: string; label?: string | undefined }, ctx: Ctx) =>
    store.serve(wanted, ctx).then(
      () => true,
      () => false,
    ),
  recent: async (limit: number, ctx: Ctx) => {
    const found: { category: string; name: string }[] = []
    for (let cursor: string | null | undefined; found.length < limit && cursor !== null; ) {
      const page = await listPrompts({ sort: '-updatedAt', view: 'summary', limit: 200, cursor }, ctx)
      found.push(...page.items.map(({ category, name }) => ({ category, name })))
      cursor = page.nextCursor
    }
    return found.slice(0, limit)
  },
  describe: describeKey,
  promptTag,
})
