import type { MirrorStream } from '../../core/feed/mirror-stream.ts'
import { openRedis } from './client.ts'

/** Redis may be busy with others, but not for so long. Milliseconds. */
const patience = 5_000
/** What Redis answers to an entry that it has, or that would not stand at the end. */
const isThere = (error: Error): boolean => error.message.includes('equal or smaller')

/**
 * A Redis Stream that is filled from the change feed.
 * @param maxLength how many entries it keeps, about
 */
export function connectEventStream(url: string, name: string, maxLength: number): MirrorStream {
  const redis = openRedis(url, patience)
  redis.on('error', () => undefined) // whoever fills it tells that it is away
  return {
    name,
    isReady: () => redis.status === 'ready',
    async newest() {
      if ((await redis.exists(name)) === 0) return 0
      const facts = (await redis.xinfo('STREAM', name)) as unknown[]
      return Number(String(facts[facts.indexOf('last-generated-id') + 1]).split('-')[0])
    },
    async append(entries) {
      // In one transaction: an entry that failed alone could not be added any more once a later one is there.
      const transaction = redis.multi()
      for (const { position, fields } of entries)
        transaction.xadd(name, 'MAXLEN', '~', maxLength, `${position}-0`, ...Object.entries(fields).flat())
      const failed = ((await transaction.exec()) ?? []).find(([error]) => error && !isThere(error))?.[0]
      if (failed) throw failed
    },
    close: async () => redis.disconnect(),
  }
}
