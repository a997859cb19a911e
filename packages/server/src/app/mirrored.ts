import type { MirrorStream } from '../core/feed/mirror-stream.ts'
import { connectEventStream } from '../infrastructure/redis/event-stream.ts'
import type { AppOptions } from './options.ts'

/** The Redis Stream to which the change feed is mirrored, where the options name one. */
export function openMirrored({ redisUrl, redisStream }: AppOptions): { stream: MirrorStream; maxLength: number } | undefined {
  if (!redisUrl || !redisStream) return undefined
  return { stream: connectEventStream(redisUrl, redisStream.name, redisStream.maxLength), maxLength: redisStream.maxLength }
}
