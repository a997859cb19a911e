import { type Static, Type } from 'typebox'
import { may, type Principal, sees } from '../../core/access.ts'
import type { Cache } from '../../core/cache.ts'
import type { Ctx } from '../../core/context.ts'
import { eventType } from '../../core/events.ts'
import { Strict } from '../../core/schemas.ts'

export const AreaName = Type.Enum(['served', 'bodies'], {
  description: 'served: finished answers by label or version; bodies: the versions themselves',
})
export type AreaName = Static<typeof AreaName>
export type Areas = Readonly<Record<AreaName, Cache<unknown>>>

/** What caching asks of prompts, which it does not know. */
export type Neighbours = Readonly<{
  /** Serve a prompt once, so that it is in the cache. @returns false when it cannot be served */
  warm(wanted: { category: string; name: string; label?: string | undefined }, ctx: Ctx): Promise<boolean>
  /** Live prompts, the last changed first. */
  recent(limit: number, ctx: Ctx): Promise<{ category: string; name: string }[]>
  /** Whose an entry of the area `served` is, and the names it was asked for by or has now. */
  describe(key: string, tags: readonly string[]): { workspaceId: string; names: readonly { category: string; name: string }[] }
  promptTag(workspaceId: string, promptId: string): string
}>

/** Told to all instances: forget what was named. */
export const cacheInvalidated = eventType(
  'cache.invalidated',
  Strict({ area: Type.Optional(AreaName), promptId: Type.Optional(Type.String()), pattern: Type.Optional(Type.String()) }),
  { description: 'Instances were told to forget what they keep in memory' },
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

/**
 * May a caller be told of an entry? Who is limited to categories is told of answers about prompts of these alone. Checksums,
 * and ids under which nothing was found, have no category: such a caller is not told of them.
 * @param namesOf the entry: what it was asked for by, and what its prompt has; asked only for who is limited
 */
export function mayKnow(actor: Principal, permission: string, namesOf: () => readonly { category: string }[]): boolean {
  if (!actor.limits?.has('prompts:read') && !actor.limits?.has(permission)) return true
  const names = namesOf()
  return names.length > 0 && names.every(({ category }) => sees(actor, category) && may(actor, permission, { category }))
}

/** Which entries are meant; none named means all. */
export type Selection = Readonly<{ area?: AreaName | undefined; promptId?: string | undefined; pattern?: string | undefined }>

/** The areas that a selection names, or all. */
export const selectedAreas = (areas: Areas, { area }: Selection): [AreaName, Cache<unknown>][] =>
  (Object.entries(areas) as [AreaName, Cache<unknown>][]).filter(([name]) => area === undefined || area === name)

/** @returns a test of cache entries: those of one workspace that the selection names */
export const matcher =
  (workspaceId: string, { promptId, pattern }: Selection, { describe, promptTag }: Pick<Neighbours, 'describe' | 'promptTag'>) =>
  (key: string, tags: readonly string[]): boolean => {
    if (!key.startsWith(workspaceId)) return false
    if (promptId !== undefined && !tags.includes(promptTag(workspaceId, promptId))) return false
    return pattern === undefined || describe(key, tags).names.some(({ category, name }) => matchesPattern(`${category}/${name}`, pattern))
  }
