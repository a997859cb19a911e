/** Most callers whose use is remembered at a time; the others share one allowance, so that nobody makes memory grow by coming from many addresses. */
const maxCallers = 10_000
/** What other instances have let through is owed, but never for longer than this. Milliseconds. */
const maxDebtMs = 2_000
const windowMs = 1_000

/** How it stands with a caller. Seconds are whole and at least 1, as the headers want them. */
export type Quota = Readonly<{
  limit: number
  remaining: number
  /** Until all of the limit is there again. */
  resetSeconds: number
}>

/** How many requests each caller was let through, since it was last told. */
export type Counts = ReadonlyMap<string, number>

export type RateLimiter = Readonly<{
  /** Take one request from a caller's allowance; false when there is none left, which then costs nothing. @param now milliseconds, monotonic */
  take(caller: string, now: number): boolean
  /** Would `take` succeed? */
  has(caller: string, now: number): boolean
  /** Take one request that has been let through already, as a debt where nothing is left. */
  charge(caller: string, now: number): void
  quota(caller: string, now: number): Quota
  /** What was let through since the last call, of callers that are still remembered, the most active first; forgets who is idle. */
  drain(now: number, most: number): Counts
  /** What other instances have let through. */
  owe(others: Counts, now: number): void
  /** Callers that are remembered. */
  size(): number
}>

/** `paidUntil`: when all that was taken will have been earned, the theoretical arrival time of GCRA. */
type Caller = { paidUntil: number; taken: number }

/**
 * So many requests a second for each caller, a second's worth of them at once (GCRA, ITU-T I.371 annex A: the leaky
 * bucket as one number per caller). Synchronous: a look-up and a few additions.
 * @param perSecond at least 1
 */
export function createRateLimiter(perSecond: number, limits = { callers: maxCallers }): RateLimiter {
  const costMs = windowMs / perSecond
  const most = windowMs - costMs + 1e-6 // rounding must not cost the last request of a second
  const callers = new Map<string, Caller>()
  const rest: Caller = { paidUntil: 0, taken: 0 }

  const callerOf = (name: string): Caller => {
    const known = callers.get(name)
    if (known) return known
    if (callers.size >= limits.callers) return rest
    const caller = { paidUntil: 0, taken: 0 }
    callers.set(name, caller)
    return caller
  }
  const known = (name: string): Caller | undefined => callers.get(name) ?? (callers.size >= limits.callers ? rest : undefined)

  return {
    take(name, now) {
      const caller = callerOf(name)
      const from = caller.paidUntil > now ? caller.paidUntil : now
      if (from - now > most) return false
      caller.paidUntil = from + costMs
      caller.taken++
      return true
    },
    has: (name, now) => (known(name)?.paidUntil ?? 0) - now <= most,
    charge(name, now) {
      const caller = callerOf(name)
      caller.paidUntil = Math.min(Math.max(caller.paidUntil, now) + costMs, now + maxDebtMs)
      caller.taken++
    },
    quota(name, now) {
      const busyMs = Math.max(0, (known(name)?.paidUntil ?? 0) - now)
      const remaining = Math.max(0, Math.floor((windowMs - busyMs) / costMs + 1e-6))
      // Without anything left: until the next request passes, which is what Retry-After says too.
      const waitMs = remaining > 0 ? busyMs : busyMs - most
      return { limit: perSecond, remaining, resetSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }
    },
    drain(now, count) {
      const active: [string, number][] = []
      for (const [name, caller] of callers) {
        if (caller.taken === 0 && caller.paidUntil <= now) callers.delete(name)
        else active.push([name, caller.taken])
        caller.taken = 0
      }
      rest.taken = 0
      if (active.length > count) active.sort(([, a], [, b]) => b - a).length = count
      return new Map(active)
    },
    owe(others, now) {
      for (const [name, count] of others) {
        const caller = callers.get(name)
        if (caller && count > 0) caller.paidUntil = Math.min(Math.max(caller.paidUntil, now) + count * costMs, now + maxDebtMs)
      }
    },
    size: () => callers.size,
  }
}
