import { LRUCache } from 'lru-cache'
import { atMost } from '../../core/at-most.ts'
import type { HotPath } from '../../core/http/fast-lane.ts'
import type { Wanted } from './model/serving-keys.ts'
import type { Served, Serving } from './queries/serving.ts'

/** `GET /prompts/search/{category}/{name}` with no query, or with `label` or `version` alone, from the cache. */
export function hotPath(prefix: string, store: Serving): HotPath {
  /** Addresses repeat; reading one takes ten times as long as finding it here. */
  const read = new LRUCache<string, { wanted: Wanted | undefined }>(atMost(20_000))
  return {
    route: `${prefix}/prompts/search/:category/:name`,
    access: 'prompts:read',
    prefix: `${prefix}/prompts/search/`,
    find(workspaceId, rest) {
      let known = read.get(rest)
      if (!known) {
        known = { wanted: wantedOf(rest) }
        if (rest.length <= 1_000) read.set(rest, known)
      }
      return known.wanted && store.peek(workspaceId, known.wanted)
    },
    given: (workspaceId, found) => store.used(workspaceId, found as Served),
  }
}

/** @returns undefined for anything but the plain forms, which are then read by the framework */
function wantedOf(rest: string): Wanted | undefined {
  const [path = '', query, ...more] = rest.split('?')
  const [category, name, ...deeper] = path.split('/')
  if (!category || !name || deeper.length > 0 || more.length > 0) return undefined
  const which = query === undefined ? {} : whichOf(query)
  if (!which) return undefined
  try {
    return { category: decode(category), name: decode(name), ...which }
  } catch {
    return undefined
  }
}

const decode = (part: string): string => (part.includes('%') ? decodeURIComponent(part) : part)

function whichOf(query: string): { label: string } | { version: number } | undefined {
  const label = /^label=([a-z][a-z0-9._-]{0,63})$/.exec(query)?.[1]
  if (label) return { label }
  const version = /^version=([1-9]\d{0,8})$/.exec(query)?.[1]
  return version ? { version: Number(version) } : undefined
}
