import type { RateExchange } from '../../core/limits/exchange.ts'
import type { Counts } from '../../core/limits/rate-limiter.ts'
import { openRedis } from './client.ts'

/** A counter that nobody has added to for so long is gone. Milliseconds. */
const keptMs = 10_000

/**
 * Counts of requests, shared by the instances of a store through Redis: a counter for each caller that only grows. Each
 * instance remembers what it saw last, so no clocks are compared, and a lost counter just begins again.
 * @param scope what tells this store from others on the same Redis
 */
export function connectRateExchange(url: string, scope: string): RateExchange {
  const redis = openRedis(url, 500)
  redis.on('error', () => undefined) // the cache's connection tells of it
  /** What each counter was when it was last seen. */
  let seen: Counts = new Map()
  const add = async (mine: Counts): Promise<Counts> => {
    const pipeline = redis.pipeline()
    for (const [name, count] of mine) {
      const key = `prompt-store:v1:limits:${scope}:${name}`
      pipeline.incrby(key, count).pexpire(key, keptMs)
    }
    const replies = (await pipeline.exec()) ?? []
    return new Map([...mine.keys()].map((name, i) => [name, totalOf(replies[2 * i])]))
  }
  return {
    async exchange(mine) {
      const before = seen
      seen = new Map() // after a failure nobody knows what was counted: begin again
      if (redis.status !== 'ready') throw new Error('Redis is away')
      const totals = await add(mine)
      seen = totals
      const others = [...totals].map(([name, total]) => [name, Math.max(0, total - mine.get(name)! - (before.get(name) ?? total))] as const)
      return new Map(others)
    },
    close: async () => redis.disconnect(),
  }
}

function totalOf(reply: [error: Error | null, result: unknown] | undefined): number {
  if (!reply || reply[0]) throw reply?.[0] ?? new Error('Redis did not answer')
  return Number(reply[1])
}
