import { timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Principal } from '../../core/access.ts'
import type { Db } from '../../core/db.ts'
import { AppError } from '../../core/errors.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { Unauthenticated } from '../../core/problem.ts'
import { createKeyMemory } from './key-memory.ts'
import { assertOpenModeServes, defaultWorkspaceId, hashKey, isKey, openModeObjection } from './model/keys.ts'
import type { SessionGate } from './session-gate.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

export type Authenticator = Readonly<{
  /**
   * Who is calling, by key or by a session's cookie. @param method without it the request counts as one that changes something
   * @throws Unauthenticated (401), OpenModeRefused (403), Unavailable (503) when neither can be looked up; what `SessionGate` throws
   */
  authenticate(headers: Headers, method?: string): Promise<Principal>
  /** The same from memory alone, for the hot path; undefined: ask `authenticate`. */
  peek(headers: Headers): Principal | undefined
  /** True while no key has ever been made. */
  isOpen(): Promise<boolean>
}>

const owner = { workspaceId: defaultWorkspaceId, permissions: new Set(['*']), instanceAdmin: true }
const openPrincipal: Principal = { ...owner, id: 'open' }
const bootstrapPrincipal: Principal = { ...owner, id: 'bootstrap' }

/** The bootstrap key is known by itself; every other one by the memory of the instance; no key at all means open mode. */
export function createAuthenticator(parts: {
  system: <T>(work: (db: Db) => Promise<T>) => Promise<T>
  feed: Feed
  bootstrapKey: string | undefined
  /** Known where people log in; then the service is not open, key or no key. */
  sessions?: SessionGate | undefined
}): Authenticator {
  const { system, feed, bootstrapKey, sessions } = parts
  const memory = createKeyMemory(system, feed)
  const bootstrapHash = bootstrapKey === undefined ? undefined : Buffer.from(hashKey(bootstrapKey))
  const isBootstrap = (hash: string): boolean => bootstrapHash !== undefined && timingSafeEqual(Buffer.from(hash), bootstrapHash)

  // By the header as it came: hashing it anew would cost more than all the rest of a hot read.
  const recent = new LRUCache<string, Principal>({ max: 10_000 })
  feed.subscribe(({ events, everything }) => {
    if (everything || events.some(({ type }) => type.startsWith('key.'))) recent.clear()
  })

  const find = async (token: string): Promise<Principal | undefined> => {
    const hash = hashKey(token)
    if (isBootstrap(hash)) return bootstrapPrincipal
    return isKey(token) ? memory.find(hash) : undefined
  }
  const isOpen = async (): Promise<boolean> => bootstrapHash === undefined && sessions === undefined && memory.isOpen()

  return {
    isOpen,
    async authenticate(headers, method = 'POST') {
      const token = bearer(headers)
      if (token !== undefined) {
        const principal = await find(token)
        if (principal) return principal
        throw refuse('The key is not valid: unknown or revoked. Check it, or ask for a new one.', 'invalid_token')
      }
      // A key wins over a cookie: no other site's page can send one.
      if (sessions?.isShown(headers)) return sessions.authenticate(headers, method)
      if (!(await isOpen())) throw refuse('Send a key: Authorization: Bearer <key>.')
      assertOpenModeServes(headers)
      return openPrincipal
    },
    peek(headers) {
      if (!feed.isCurrent()) return undefined
      const { authorization } = headers
      if (sessions && typeof authorization !== 'string') return undefined
      if (typeof authorization !== 'string')
        return memory.peekOpen() && openModeObjection(headers) === undefined ? openPrincipal : undefined
      const known = recent.get(authorization)
      if (known) return known
      const hash = hashKey(bearer(headers) ?? '')
      const principal = isBootstrap(hash) ? bootstrapPrincipal : memory.peek(hash)
      if (principal) recent.set(authorization, principal)
      return principal
    },
  }
}

/** The token of `Authorization: Bearer`; an empty string for any other scheme, which is then refused. */
function bearer({ authorization }: Headers): string | undefined {
  if (typeof authorization !== 'string') return undefined
  return /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1] ?? ''
}

const refuse = (detail: string, error?: string): AppError =>
  new AppError(Unauthenticated, detail, {
    headers: { 'WWW-Authenticate': `Bearer realm="prompt-store"${error ? `, error="${error}"` : ''}` },
  })
