import { Type } from 'typebox'
import type { CacheStats, SharedCache } from '../../core/cache.ts'
import { type AnyEndpoint, endpoint } from '../../core/endpoint.ts'
import { pageSize } from '../../core/page.ts'
import { Id, PageQuery, ShortText, Strict } from '../../core/schemas.ts'
import { invalidate, warmUp } from './commands.ts'
import { AreaName, type Areas, mayKnow, type Neighbours, selectedAreas } from './model.ts'

const Count = Type.Integer({ minimum: 0 })
const AreaStats = Strict({
  area: Type.String(),
  entries: Count,
  bytes: Count,
  maxBytes: Count,
  hits: Count,
  misses: Count,
  hitRate: Type.Number({ minimum: 0, maximum: 1 }),
  evictions: Count,
  meanLoadMs: Type.Number({ minimum: 0 }),
})
const category = ShortText('Category')
const name = ShortText('Name')
const label = Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9._-]{0,63}$', description: 'production unless told' }))

export const routes = (areas: Areas, shared: SharedCache, neighbours: Neighbours): AnyEndpoint[] => [
  endpoint({
    name: 'cache.stats',
    method: 'GET',
    path: '/cache/stats',
    access: 'cache:read',
    summary: 'Hits, misses, size and load time of this instance, by level and area',
    reply: Strict({
      level1: Type.Array(AreaStats),
      level2: Strict({ state: Type.Enum(['off', 'connected', 'away']), hits: Count, misses: Count, errors: Count }),
    }),
    handle: async () => ({ level1: Object.values(areas).map((cache) => areaStats(cache.name, cache.stats())), level2: shared.stats() }),
  }),
  endpoint({
    name: 'cache.entries',
    method: 'GET',
    path: '/cache/entries',
    access: 'cache:read',
    summary: 'What this instance keeps for the workspace, as far as the caller may see the prompts, most recently used first',
    query: Strict({ area: Type.Optional(AreaName), limit: PageQuery.limit }),
    reply: Strict({
      items: Type.Array(
        Strict({
          area: AreaName,
          entry: Type.String({ description: 'What was asked for, such as category/name@production or id#3; of bodies their checksum' }),
          bytes: Count,
        }),
      ),
    }),
    handle: async ({ query }, ctx) => {
      const items = selectedAreas(areas, query).flatMap(([area, cache]) =>
        cache
          .entries(Number.POSITIVE_INFINITY)
          .filter(
            ({ key, tags }) =>
              key.startsWith(ctx.workspaceId) && mayKnow(ctx.actor, 'cache:read', () => neighbours.describe(key, tags).names),
          )
          .map(({ key, bytes }) => ({ area, entry: entryName(key), bytes })),
      )
      return { items: items.slice(0, pageSize(query.limit)) }
    },
  }),
  endpoint({
    name: 'cache.invalidate',
    method: 'POST',
    path: '/cache/invalidate',
    access: 'cache:write',
    summary: 'Forget entries of the workspace, on all instances: of a prompt, of names that match a pattern, of an area, or all',
    body: Strict({
      promptId: Type.Optional(Id),
      pattern: Type.Optional(Type.String({ minLength: 1, maxLength: 500, description: '`category/name`; * stands for any characters' })),
      area: Type.Optional(AreaName),
    }),
    reply: Strict({ invalidated: Count }),
    handle: ({ body }, ctx) => invalidate(body, areas, neighbours, ctx),
  }),
  endpoint({
    name: 'cache.warmup',
    method: 'POST',
    path: '/cache/warmup',
    access: 'cache:write',
    readOnly: true,
    summary: 'Load prompts into the cache of this instance: the given ones, or those that changed last',
    body: Strict({
      items: Type.Optional(Type.Array(Strict({ category, name, label }), { maxItems: 10_000, description: 'The prompts to load' })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'How many without `items`; 1000 unless told' })),
    }),
    reply: Strict({ warmed: Count, failed: Count }),
    handle: ({ body }, ctx) => warmUp(body, neighbours, ctx),
  }),
]

/** The key without its workspace; its parts are separated by line breaks, the last one says which version. */
const entryName = (key: string): string =>
  key
    .split('\n')
    .slice(1)
    .join('/')
    .replace(/\/(?=[@#][^/]*$)/, '')

const areaStats = (area: string, { entries, bytes, maxBytes, hits, misses, evictions, loadMs }: CacheStats) => ({
  area,
  entries,
  bytes,
  maxBytes,
  hits,
  misses,
  hitRate: hits + misses === 0 ? 0 : hits / (hits + misses),
  evictions,
  meanLoadMs: loadMs.count === 0 ? 0 : loadMs.total / loadMs.count,
})
