import { timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Principal } from '../../core/access.ts'
import { atMost } from '../../core/at-most.ts'
import { AppError } from '../../core/errors.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { Unauthenticated } from '../../core/problem.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import { createKeyMemory, type KnownKey } from './key-memory.ts'
import { concernsRights } from './model/events.ts'
import { AddressRefused } from './model/failures.ts'
import { assertOpenModeServes, hashKey, installationPrincipal, isKey, openModeObjection } from './model/keys.ts'
import type { SessionGate } from './session-gate.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>
/** What is looked at of a request. */
export type Caller = Readonly<{ headers: Headers; socket: { readonly remoteAddress?: string | undefined }; method?: string | undefined }>

export type Authenticator = Readonly<{
  /**
   * Who is calling, by key or by a session's cookie. A caller without a method counts as one that changes something.
   * @throws Unauthenticated (401), AddressRefused, OpenModeRefused (403), Unavailable (503) when neither can be looked up; what `SessionGate` throws
   */
  authenticate(caller: Caller): Promise<Principal>
  /** The same from memory alone, for the hot path; undefined: ask `authenticate`. */
  peek(caller: Caller): Principal | undefined
  /** True while no key has ever been made. */
  isOpen(): Promise<boolean>
  /** The keys that were used since this was last asked. */
  takeUsed(): string[]
}>

const openPrincipal = installationPrincipal('open')!
const bootstrap: KnownKey = { id: 'bootstrap', principal: installationPrincipal('bootstrap')!, until: null, admits: undefined, used: false }

/** The bootstrap key is known by itself; every other one by the memory of the instance; no key at all means open mode. */
export function createAuthenticator(parts: {
  system: AcrossWorkspaces
  feed: Feed
  clock: () => string
  bootstrapKey: string | undefined
  /** Known where people log in; then the service is not open, key or no key. */
  sessions?: SessionGate | undefined
  /** Where a caller calls from, for keys that work from some networks alone; the socket's address unless told. */
  addressOf?: (caller: Caller) => string | undefined
}): Authenticator {
  const { system, feed, clock, bootstrapKey, sessions, addressOf = ({ socket }) => socket.remoteAddress } = parts
  const memory = createKeyMemory((work) => system(work, 'read'), feed)
  const bootstrapHash = bootstrapKey === undefined ? undefined : Buffer.from(hashKey(bootstrapKey))
  const isBootstrap = (hash: string): boolean => bootstrapHash !== undefined && timingSafeEqual(Buffer.from(hash), bootstrapHash)

  // By the header as it came: hashing it anew would cost more than all the rest of a hot read.
  const recent = new LRUCache<string, KnownKey>(atMost(10_000))
  feed.subscribe(({ events, everything }) => {
    if (everything || events.some(concernsRights)) recent.clear()
  })

  const find = async (token: string): Promise<KnownKey | undefined> => {
    const hash = hashKey(token)
    if (isBootstrap(hash)) return bootstrap
    return isKey(token) ? memory.find(hash) : undefined
  }
  const isOpen = async (): Promise<boolean> => bootstrapHash === undefined && sessions === undefined && memory.isOpen()
  const isOver = ({ until }: KnownKey): boolean => until !== null && clock() >= until

  return {
    isOpen,
    takeUsed: memory.takeUsed,
    async authenticate(caller) {
      const { headers, method = 'POST' } = caller
      const token = bearer(headers)
      if (token !== undefined) {
        const key = await find(token)
        if (!key) throw refuse('The key is not valid: unknown or revoked. Check it, or ask for a new one.', 'invalid_token')
        if (isOver(key)) throw refuse(`The key ended at ${key.until}. Ask for a new one.`, 'invalid_token')
        if (key.admits && !key.admits(addressOf(caller))) throw refuseAddress(addressOf(caller))
        key.used = true
        return key.principal
      }
      // A key wins over a cookie: no other site's page can send one.
      if (sessions?.isShown(headers)) return sessions.authenticate(headers, method)
      if (!(await isOpen())) throw refuse('Send a key: Authorization: Bearer <key>.')
      assertOpenModeServes(headers)
      return openPrincipal
    },
    peek(caller) {
      if (!feed.isCurrent()) return undefined
      const { headers } = caller
      const { authorization } = headers
      if (sessions && typeof authorization !== 'string') return undefined
      if (typeof authorization !== 'string')
        return memory.peekOpen() && openModeObjection(headers) === undefined ? openPrincipal : undefined
      let key = recent.get(authorization)
      if (!key) {
        const hash = hashKey(bearer(headers) ?? '')
        key = isBootstrap(hash) ? bootstrap : memory.peek(hash)
        if (!key) return undefined
        recent.set(authorization, key)
      }
      if (isOver(key) || (key.admits && !key.admits(addressOf(caller)))) return undefined
      key.used = true
      return key.principal
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

const refuseAddress = (address: string | undefined): AppError =>
  new AppError(
    AddressRefused,
    `The key may not be used from ${address ?? 'this address'}. Call from one of its networks, or ask for another key.`,
  )
