import { LRUCache } from 'lru-cache'
import type { Principal } from '../../core/access.ts'
import { addressTest } from '../../core/addresses.ts'
import { atMost } from '../../core/at-most.ts'
import type { Db } from '../../core/db.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { keepByFeed } from '../../core/feed/keeping.ts'
import { concernsRights } from './model/events.ts'
import { type FoundKey, findKey, noKeyExists } from './queries.ts'

/** A key that is known here: its rights, compiled, and what each use of it has to fulfil. */
export type KnownKey = {
  readonly id: string
  readonly principal: Principal
  /** It works before this time; null: always. */
  readonly until: string | null
  /** Whether it works from an address; undefined: from everywhere. */
  readonly admits: ((address: string | undefined) => boolean) | undefined
  /** Set by each use, and taken back when that has been noted. */
  used: boolean
}

/** What this instance remembers of the keys; any event that concerns somebody's rights makes it forget. */
export type KeyMemory = Readonly<{
  /** Who a key is, by its hash; asks the database when it is not remembered. @throws Unavailable (503) */
  find(hash: string): Promise<KnownKey | undefined>
  /** True while no key was ever made. @throws Unavailable (503) */
  isOpen(): Promise<boolean>
  /** The same two from memory alone: right as long as the feed is current. */
  peek(hash: string): KnownKey | undefined
  peekOpen(): boolean
  /** The keys that were used since this was last asked. */
  takeUsed(): string[]
}>

export function createKeyMemory(system: <T>(work: (db: Db) => Promise<T>) => Promise<T>, feed: Feed): KeyMemory {
  const usedBefore = new Set<string>()
  const known = new LRUCache<string, KnownKey>({ ...atMost(50_000), dispose: ({ id, used }) => void (used && usedBefore.add(id)) })
  const unknown = new LRUCache<string, true>(atMost(10_000))
  let open: boolean | undefined
  const keeping = keepByFeed(feed, concernsRights, () => {
    known.clear()
    unknown.clear()
    if (open) open = undefined
  })

  return {
    peek: (hash) => known.get(hash),
    peekOpen: () => open === true,
    async find(hash) {
      await keeping.refresh()
      const key = known.get(hash)
      if (key || unknown.has(hash)) return key
      const remember = (found: KnownKey | undefined) => void (found ? known.set(hash, found) : unknown.set(hash, true))
      return keeping.ask(() => system(async (db) => knownKey(await findKey(db, hash))), remember)
    },
    async isOpen() {
      if (open === false) return false
      await keeping.refresh()
      const remember = (answer: boolean) => {
        open = answer
      }
      return open ?? keeping.ask(() => system(noKeyExists), remember)
    },
    takeUsed() {
      for (const key of known.values()) {
        if (key.used) usedBefore.add(key.id)
        key.used = false
      }
      const taken = [...usedBefore]
      usedBefore.clear()
      return taken
    },
  }
}

const knownKey = (found: FoundKey | undefined): KnownKey | undefined =>
  found && {
    id: found.id,
    principal: found.principal,
    until: found.until,
    admits: found.cidrs ? addressTest(found.cidrs) : undefined,
    used: false,
  }
