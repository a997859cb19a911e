import { timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Principal } from '../../core/access.ts'
import type { Db } from '../../core/db.ts'
import { AppError } from '../../core/errors.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { Unauthenticated } from '../../core/problem.ts'
import { assertOpenModeServes, defaultWorkspaceId, hashKey } from './model.ts'
import { anyKeyExists, findPrincipal } from './queries.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

export type Authenticator = Readonly<{
  /** Who is calling. @throws Unauthenticated (401), OpenModeRefused (403), Unavailable (503) when a key cannot be looked up */
  authenticate(headers: Headers): Promise<Principal>
  /** The same from memory alone, for the hot path; undefined: ask `authenticate`. */
  peek(headers: Headers): Principal | undefined
  /** True while no key has ever been made. */
  isOpen(): Promise<boolean>
}>

const owner = { workspaceId: defaultWorkspaceId, permissions: new Set(['*']), instanceAdmin: true }
const openPrincipal: Principal = { ...owner, id: 'open' }
const bootstrapPrincipal: Principal = { ...owner, id: 'bootstrap' }

/** Keys are looked up once and remembered while the feed is current; any `key.*` event forgets them all. */
export function createAuthenticator(parts: {
  system: <T>(work: (db: Db) => Promise<T>) => Promise<T>
  feed: Feed
  bootstrapKey: string | undefined
}): Authenticator {
  const { system, feed } = parts
  const bootstrapHash = parts.bootstrapKey === undefined ? undefined : Buffer.from(hashKey(parts.bootstrapKey))
  const known = new LRUCache<string, { principal: Principal | null }>({ max: 50_000 })
  let open: boolean | undefined = bootstrapHash ? false : undefined
  feed.subscribe(({ events, everything }) => {
    if (!everything && !events.some(({ type }) => type.startsWith('key.'))) return
    known.clear()
    if (!bootstrapHash) open = undefined
  })

  const remembered = (hash: string): { principal: Principal | null } | undefined => {
    if (bootstrapHash && timingSafeEqual(Buffer.from(hash), bootstrapHash)) return { principal: bootstrapPrincipal }
    return known.get(hash)
  }

  const lookUp = async (hash: string): Promise<Principal | null> => {
    const cached = remembered(hash)
    if (cached?.principal === bootstrapPrincipal || (cached && (await trusted()))) return cached.principal
    const again = known.get(hash)
    if (again) return again.principal
    const principal = (await system((db) => findPrincipal(db, hash))) ?? null
    known.set(hash, { principal })
    return principal
  }

  /** What is remembered holds while the feed is current, and while the database is away. */
  const trusted = async (): Promise<boolean> => {
    if (feed.isCurrent() || feed.isAway()) return true
    await feed.confirm().catch(() => undefined)
    return false
  }

  const isOpen = async (): Promise<boolean> => {
    if (open === false) return false
    if (open === undefined || !(await trusted())) open = !(await system(anyKeyExists))
    return open
  }

  return {
    isOpen,
    async authenticate(headers) {
      const token = bearer(headers)
      if (token !== undefined) {
        const principal = await lookUp(hashKey(token))
        if (principal) return principal
        throw refuse('The key is not valid: unknown or revoked. Check it, or ask for a new one.', 'invalid_token')
      }
      if (!(await isOpen())) throw refuse('Send a key: Authorization: Bearer <key>.')
      assertOpenModeServes(headers)
      return openPrincipal
    },
    peek(headers) {
      if (!feed.isCurrent()) return undefined
      const token = bearer(headers)
      if (token !== undefined) return remembered(hashKey(token))?.principal ?? undefined
      if (open !== true) return undefined
      try {
        assertOpenModeServes(headers)
        return openPrincipal
      } catch {
        return undefined
      }
    },
  }
}

/** The token of `Authorization: Bearer`; an empty string for any other scheme, which is then refused. */
function bearer({ authorization }: Headers): string | undefined {
  if (typeof authorization !== 'string') return undefined
  return /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1] ?? ''
}

const refuse = (detail: string, error?: string): AppError =>
  new AppError(Unauthenticated, detail, { headers: { 'WWW-Authenticate': `Bearer realm="prompt-store"${error ? `, error="${error}"` : ''}` } })
