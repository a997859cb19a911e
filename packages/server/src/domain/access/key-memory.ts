import { LRUCache } from 'lru-cache'
import type { Principal } from '../../core/access.ts'
import type { Db } from '../../core/db.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { findPrincipal, noKeyExists } from './queries.ts'

/** What this instance remembers of the keys; any `key.*` event makes it forget. */
export type KeyMemory = Readonly<{
  /** Who a key is, by its hash; asks the database when it is not remembered. @throws Unavailable (503) */
  find(hash: string): Promise<Principal | undefined>
  /** True while no key was ever made. @throws Unavailable (503) */
  isOpen(): Promise<boolean>
  /** The same two from memory alone: right as long as the feed is current. */
  peek(hash: string): Principal | undefined
  peekOpen(): boolean
}>

export function createKeyMemory(system: <T>(work: (db: Db) => Promise<T>) => Promise<T>, feed: Feed): KeyMemory {
  const known = new LRUCache<string, Principal>({ max: 50_000 })
  const unknown = new LRUCache<string, true>({ max: 10_000 })
  let open: boolean | undefined
  /** Counts what was forgotten: an answer that was asked for before is not kept after. */
  let generation = 0
  feed.subscribe(({ events, everything }) => {
    if (!everything && !events.some(({ type }) => type.startsWith('key.'))) return
    generation++
    known.clear()
    unknown.clear()
    if (open) open = undefined
  })

  /** Ask the database; keep the answer unless a key was made or revoked meanwhile. */
  const ask = async <T>(query: (db: Db) => Promise<T>, keep: (answer: T) => void): Promise<T> => {
    const asked = generation
    const answer = await system(query)
    if (asked === generation) keep(answer)
    return answer
  }

  /** What is remembered holds while the feed is current, and while the database is away. */
  const refresh = async (): Promise<void> => {
    if (!feed.isCurrent() && !feed.isAway()) await feed.confirm().catch(() => undefined)
  }

  return {
    peek: (hash) => known.get(hash),
    peekOpen: () => open === true,
    async find(hash) {
      await refresh()
      const principal = known.get(hash)
      if (principal || unknown.has(hash)) return principal
      const remember = (found: Principal | undefined) => void (found ? known.set(hash, found) : unknown.set(hash, true))
      return ask((db) => findPrincipal(db, hash), remember)
    },
    async isOpen() {
      if (open === false) return false
      await refresh()
      const remember = (answer: boolean) => {
        open = answer
      }
      return open ?? ask(noKeyExists, remember)
    },
  }
}
