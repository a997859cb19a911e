import { expect, onTestFinished } from 'vitest'
import { startRedis, testWithRedis } from '../../testing/redis.ts'
import { until } from '../embedded-postgres/testing/sandbox.ts'
import { connectSharedCache } from './shared-cache.ts'

async function connected() {
  const redis = await startRedis()
  const messages: string[] = []
  const cache = connectSharedCache(redis.url, (message) => messages.push(message))
  onTestFinished(async () => {
    await cache.close()
    await redis[Symbol.asyncDispose]()
  })
  await until('it is connected', () => cache.stats().state === 'connected')
  messages.length = 0 // of the way there
  return { redis, cache, messages }
}

testWithRedis('values come back in the order of their keys, with gaps where there are none, and are counted', async () => {
  const { cache, redis } = await connected()
  cache.setMany([
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
  ])
  cache.setMany([])
  await until('they are kept', async () => (await redis.client.dbsize()) === 2)
  // A machine that stalls for 50 ms lets a read be given up, which is counted neither as a hit nor as a miss.
  await expect.poll(() => cache.getMany(['b', 'x', 'a'])).toEqual(['2', undefined, '1'])
  expect(await cache.getMany([])).toEqual([])
  expect(cache.stats()).toMatchObject({ state: 'connected', hits: 2, misses: 1 })
})

testWithRedis('what is kept leaves by itself after a week', async () => {
  const { cache, redis } = await connected()
  cache.setMany([{ key: 'a', value: '1' }])
  await until('it is kept', async () => (await redis.client.dbsize()) === 1)
  const [key] = await redis.client.keys('*')
  expect(await redis.client.ttl(key!)).toBeGreaterThan(604_000)
})

testWithRedis('trouble is a miss, is said once, and ends with the trouble', async () => {
  const { cache, redis, messages } = await connected()
  await expect.poll(() => cache.ping().catch(() => 0)).toBeGreaterThan(0) // 50 ms are not much for a busy machine
  await redis.kill()
  await until('it is noticed', () => cache.stats().state === 'away')
  for (let i = 0; i < 20; i++) expect(await cache.getMany(['a'])).toEqual([undefined])
  cache.setMany([{ key: 'a', value: '1' }])
  await expect(cache.ping()).rejects.toThrow('Redis does not answer')
  await until('it is said', () => messages.length > 0)
  await redis.restart()
  await until('it is back', () => cache.stats().state === 'connected')
  await expect.poll(() => cache.ping().catch(() => 0)).toBeGreaterThan(0) // 50 ms are not much for a busy machine
  expect(messages).toEqual(['Redis is away; serving goes on without it', 'Redis is back'])
})

testWithRedis('a frozen Redis costs one short wait, and is then left alone for a while', async () => {
  const { cache, redis } = await connected()
  redis.signal('SIGSTOP')
  for (let i = 0; i < 200; i++) {
    expect(await cache.getMany(['a'])).toEqual([undefined])
    cache.setMany([{ key: 'a', value: '1' }])
  }
  const { errors, state } = cache.stats()
  expect(state).toBe('away')
  expect(errors).toBeLessThan(20)
  redis.signal('SIGCONT')
  await until('it is used again', () => cache.stats().state === 'connected')
  cache.setMany([{ key: 'b', value: '2' }])
  await until('it keeps again', async () => (await cache.getMany(['b']))[0] === '2')
})
