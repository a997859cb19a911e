import type { FeedEvent } from '../events.ts'
import { unlessLate } from '../unless-late.ts'

/** What one small read of the feed tells. All of it is of one snapshot. */
export type Confirmation = Readonly<{
  /** The newest placed position. */
  head: number
  /** Events after the position asked for, and committed ones that have no position yet. */
  events: readonly FeedEvent[]
  /** Transactions below this id are over: what they changed is in `events` or was before. */
  horizon: bigint
  /** More had happened than is worth listing: forget everything instead. */
  truncated: boolean
}>

export type Listener = (change: { events: readonly FeedEvent[]; everything: boolean }) => void

export type Follower = Readonly<{
  /** True while everything committed more than `maxAgeMs` ago is known to be applied. Synchronous: for the hot path. */
  isCurrent(): boolean
  /** Milliseconds since the instance last knew that it was up to date. */
  age(): number
  /** True while the last read of the feed failed or the present one hangs: the database is away, do not wait for it. */
  isAway(): boolean
  /** True when the write of this transaction has been applied here. Synchronous. */
  hasApplied(xid: bigint): boolean
  /** Read the feed once more; the read begins after the call. @throws when the database is away */
  confirm(): Promise<void>
  /**
   * Before what was kept is looked at: read the feed once more unless it is current or away. Waits for a second at the
   * most, since a read that takes longer hangs, and what was kept may stand in while the database is away.
   */
  refresh(): Promise<void>
  /** What this instance itself has just committed: applied at once. */
  committed(events: readonly FeedEvent[]): void
  subscribe(listener: Listener): void
  position(): number
}>

/** A confirmed feed may be trusted for this long, so no pointer that is served is older than a second. */
const maxAgeMs = 1_000
/** A read that takes longer than this hangs. Milliseconds. */
const patienceMs = 1_000
const remembered = 20_000

/**
 * Follow the change feed: apply events to the caches of this instance, and know how fresh they are.
 * Does not rely on the relay: a confirmation also lists committed events that have no position yet.
 * @param read one small read of the feed; `since` is the last position that was applied
 * @param now a monotonic clock in milliseconds
 */
export function createFollower(read: (since: number) => Promise<Confirmation>, now: () => number): Follower {
  const listeners: Listener[] = []
  const seen = recent<number>()
  const transactions = recent<string>()
  let position = -1
  let horizon = 0n
  let away = false
  let readingSince = Number.POSITIVE_INFINITY
  let confirmedAt = Number.NEGATIVE_INFINITY

  const tell = (events: readonly FeedEvent[], everything: boolean) => {
    const fresh = events.filter((event) => !seen.has(event.id))
    for (const event of fresh) {
      seen.add(event.id)
      transactions.add(event.xid)
    }
    if (fresh.length > 0 || everything) for (const listener of listeners) listener({ events: fresh, everything })
  }

  const once = async () => {
    const startedAt = now()
    readingSince = startedAt
    const confirmation = await read(position)
      .catch((error) => {
        away = true
        throw error
      })
      .finally(() => {
        readingSince = Number.POSITIVE_INFINITY
      })
    away = false
    tell(confirmation.events, confirmation.truncated)
    position = confirmation.head
    horizon = confirmation.horizon
    confirmedAt = startedAt
  }

  const isCurrent = () => now() - confirmedAt < maxAgeMs
  const isAway = () => away || now() - readingSince >= patienceMs
  const confirm = coalesced(once)

  return {
    isCurrent,
    age: () => now() - confirmedAt,
    isAway,
    hasApplied: (xid) => xid < horizon || transactions.has(xid.toString()),
    confirm,
    async refresh() {
      if (!isCurrent() && !isAway())
        await unlessLate(
          patienceMs,
          confirm().catch(() => undefined),
        )
    },
    committed: (events) => tell(events, false),
    subscribe: (listener) => void listeners.push(listener),
    position: () => position,
  }
}

/** One run at a time, and at most one waits, which begins after its callers came: a thousand callers cost two runs. */
function coalesced(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const start = () => {
    running = run().finally(() => {
      running = undefined
    })
    return running
  }
  return () => {
    if (!running) return start()
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined
        return start()
      })
    return next
  }
}

/** The newest entries. They stand in a ring beside the set, since to find a set's oldest entry again and again costs more with each that has left. */
function recent<T>(): Readonly<{ has(value: T): boolean; add(value: T): void }> {
  const known = new Set<T>()
  const ring: T[] = []
  let next = 0
  return {
    has: (value) => known.has(value),
    add(value) {
      if (known.has(value)) return
      if (ring.length === remembered) known.delete(ring[next]!)
      ring[next] = value
      next = (next + 1) % remembered
      known.add(value)
    },
  }
}
