import type { SharedCache } from '../../core/cache.ts'
import { openRedis } from './client.ts'

/** A read that takes longer than this is a miss. Milliseconds. */
const patience = 50
/** After trouble Redis is left alone for this long, so that a dead or frozen one costs nothing. Milliseconds. */
const pause = 1_000
const keptSeconds = 7 * 24 * 3600
const prefix = 'prompt-store:v1:'

/**
 * Level 2 in Redis or Valkey. It holds only what never changes, under its checksum, so a lost message, a flush or an
 * old value can do no harm; whoever reads verifies the checksum.
 */
export function connectSharedCache(url: string, log: (message: string, details?: object) => void): SharedCache {
  const redis = openRedis(url, patience)
  let pausedUntil = 0
  const counts = { hits: 0, misses: 0, errors: 0 }
  let away = false
  redis.on('error', (error) => {
    if (!away) log('Redis is away; serving goes on without it', { error: error.message })
    away = true
  })
  redis.on('ready', () => {
    if (away) log('Redis is back')
    away = false
    pausedUntil = 0
  })
  const usable = () => redis.status === 'ready' && performance.now() >= pausedUntil
  const failed = () => {
    counts.errors++
    pausedUntil = performance.now() + pause
  }
  return {
    async getMany(keys) {
      if (keys.length === 0 || !usable()) return keys.map(() => undefined)
      try {
        const values = await redis.mget(keys.map((key) => prefix + key))
        const hits = values.filter((value) => value !== null).length
        counts.hits += hits
        counts.misses += values.length - hits
        return values.map((value) => value ?? undefined)
      } catch {
        failed()
        return keys.map(() => undefined)
      }
    },
    setMany(entries) {
      if (entries.length === 0 || !usable()) return
      const pipeline = redis.pipeline()
      for (const { key, value } of entries) pipeline.set(prefix + key, value, 'EX', keptSeconds)
      pipeline.exec().catch(failed)
    },
    deleteMany: async (keys) => void (await redis.del(keys.map((key) => prefix + key))),
    stats: () => ({ state: redis.status === 'ready' && performance.now() >= pausedUntil ? 'connected' : 'away', ...counts }),
    async ping() {
      const began = performance.now()
      await redis.ping().catch((error) => {
        throw new Error('Redis does not answer; serving goes on without it', { cause: error })
      })
      return performance.now() - began
    },
    close: async () => redis.disconnect(),
  }
}
