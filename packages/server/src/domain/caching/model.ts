import { type Static, Type } from 'typebox'
import type { Cache } from '../../core/cache.ts'
import type { Ctx } from '../../core/context.ts'
import { eventType } from '../../core/events.ts'
import { Strict } from '../../core/schemas.ts'

export const AreaName = Type.Enum(['served', 'bodies'], { description: 'served: finished answers by label or version; bodies: the versions themselves' })
export type AreaName = Static<typeof AreaName>
export type Areas = Readonly<Record<AreaName, Cache<unknown>>>

/** What caching asks of prompts, which it does not know. */
export type Neighbours = Readonly<{
  /** Serve a prompt once, so that it is in the cache. @returns false when it cannot be served */
  warm(wanted: { category: string; name: string; label?: string | undefined }, ctx: Ctx): Promise<boolean>
  /** Live prompts, the last changed first. */
  recent(limit: number, ctx: Ctx): Promise<{ category: string; name: string }[]>
  /** What a key of the area `served` was made for. */
  describe(key: string): { workspaceId: string; category?: string; name?: string; promptId?: string }
  promptTag(workspaceId: string, promptId: string): string
}>

/** Told to all instances: forget what was named. */
export const cacheInvalidated = eventType(
  'cache.invalidated',
  Strict({ area: Type.Optional(AreaName), promptId: Type.Optional(Type.String()), pattern: Type.Optional(Type.String()) }),
)

/**
 * `category/name` against a pattern in which `*` stands for any characters. Linear in both lengths: no backtracking.
 */
export function matchesPattern(text: string, pattern: string): boolean {
  const parts = pattern.split('*')
  const [first = '', ...rest] = parts
  if (rest.length === 0) return text === first
  const last = rest.pop()!
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > text.length - last.length) return false
    at = found + part.length
  }
  return true
}
