import { type Counts, createRateLimiter, type RateLimiter } from './rate-limiter.ts'

/** How often instances tell each other what they let through. Milliseconds. */
const everyMs = 500
/** Callers that are told at a time; those who use little are left to each instance. */
const most = 1_000

/** Allowances by key, and by address for whatever comes without a valid one. */
export type Limits = Readonly<{ key: RateLimiter; address: RateLimiter }>
/** Requests a second for each key. */
export type RateLimit = 'off' | Readonly<{ perSecond: number }>

/** Without a valid key there is little to ask for: a tenth. @param connect absent: this instance counts alone */
export function startLimits(rate: RateLimit, connect?: () => RateExchange): { limits: Limits | undefined; stop(): Promise<void> } {
  if (rate === 'off') return { limits: undefined, stop: async () => undefined }
  const limits = { key: createRateLimiter(rate.perSecond), address: createRateLimiter(Math.max(1, Math.floor(rate.perSecond / 10))) }
  return { limits, ...reconcile(limits, connect?.()) }
}

/** What is between the instances. */
export type RateExchange = Readonly<{
  /** Add what this instance let through. @returns what the others did since the last call; throws when it cannot be reached */
  exchange(mine: Counts): Promise<Counts>
  close(): Promise<void>
}>

/**
 * Reconcile limiters with those of other instances, in the background. What cannot be told is forgotten, and nobody waits:
 * while the others cannot be reached, each instance counts alone.
 * @param limiters by a name that tells their callers apart
 */
export function reconcile(limiters: Readonly<Record<string, RateLimiter>>, between: RateExchange | undefined): { stop(): Promise<void> } {
  let busy = false
  const drained = (now: number): Map<string, number> => {
    const all = new Map<string, number>()
    for (const [kind, limiter] of Object.entries(limiters))
      for (const [caller, count] of limiter.drain(now, most)) all.set(`${kind}:${caller}`, count)
    return all
  }
  const round = async (): Promise<void> => {
    const mine = drained(performance.now())
    if (!between || busy || mine.size === 0) return
    busy = true
    try {
      const others = [...(await between.exchange(mine))]
      for (const [kind, limiter] of Object.entries(limiters)) {
        const theirs = others.filter(([name]) => name.startsWith(`${kind}:`))
        limiter.owe(new Map(theirs.map(([name, count]) => [name.slice(kind.length + 1), count])), performance.now())
      }
    } catch {
      // Redis is away; its other user, the cache, says so in the log.
    } finally {
      busy = false
    }
  }
  const timer = setInterval(() => void round(), everyMs)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await between?.close()
    },
  }
}
