import { Redis } from 'ioredis'

/** A connection that never makes anybody wait: what cannot be sent or answered in time fails. @param commandTimeout milliseconds */
export const openRedis = (url: string, commandTimeout: number): Redis =>
  new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: 500,
    commandTimeout,
    retryStrategy: (times) => Math.min(times * 200, 5_000),
  })
