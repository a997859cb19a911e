import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect } from 'vitest'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { startTestApp, type TestApp } from '../testing/index.ts'
import { startRedis, testWithRedis } from '../testing/redis.ts'

const hot = '/prompts/search/level-two/one'
type Level2 = { state: string; hits: number; errors: number }

/** The whole service with level 1 off, so that each read goes to Redis for its body; and one prompt. */
async function appOn(redisUrl: string) {
  const app = await startTestApp({ redisUrl, cacheBytes: 0 })
  await app.owner('POST', '/prompts', { category: 'level-two', name: 'one', content: 'the true text' })
  return Object.assign(app, { [Symbol.asyncDispose]: () => app.stop() })
}

const level2 = async ({ owner }: TestApp): Promise<Level2> => (await owner('GET', '/cache/stats')).body.level2

/** Read a number of times, one after another, and see the true text each time. @returns the slowest, in milliseconds */
async function readsAreRight(app: TestApp, times = 20): Promise<number> {
  let slowest = 0
  for (let i = 0; i < times; i++) {
    const began = performance.now()
    const { status, body } = await app.owner('GET', hot)
    expect([status, body.content]).toEqual([200, 'the true text'])
    slowest = Math.max(slowest, performance.now() - began)
  }
  return slowest
}

const isUsed = (app: TestApp) =>
  until('level 2 answers', async () => {
    const before = (await level2(app)).hits
    await readsAreRight(app, 2)
    return (await level2(app)).hits > before
  })

testWithRedis('the bodies of versions come from Redis when level 1 does not have them', async () => {
  await using redis = await startRedis()
  await using app = await appOn(redis.url)
  await isUsed(app)
  expect(await redis.client.keys('prompt-store:v1:*')).toHaveLength(1)
})

testWithRedis('with Redis killed the service serves on without an error, and uses it again when it is back', async () => {
  await using redis = await startRedis()
  await using app = await appOn(redis.url)
  await isUsed(app)
  await redis.kill()
  await readsAreRight(app)
  const health = (await app.anonymous('GET', '//health')).body
  expect([health.status, health.checks.redis.status]).toEqual(['degraded', 'failing'])
  expect((await app.anonymous('GET', '//readyz')).body.ready).toBe(true)
  await redis.restart()
  await isUsed(app)
})

testWithRedis('with Redis frozen the service serves on without an error, and uses it again afterwards', async () => {
  await using redis = await startRedis()
  await using app = await appOn(redis.url)
  await isUsed(app)
  redis.signal('SIGSTOP')
  const slowest = await readsAreRight(app, 100)
  console.log(`slowest of 100 reads with a frozen Redis: ${Math.round(slowest)} ms`)
  expect((await level2(app)).errors).toBeGreaterThan(0)
  redis.signal('SIGCONT')
  await isUsed(app)
})

testWithRedis('with Redis flushed again and again the service serves on without an error', async () => {
  await using redis = await startRedis()
  await using app = await appOn(redis.url)
  const errors: number[] = []
  for (let i = 0; i < 10; i++) {
    await isUsed(app)
    const before = (await level2(app)).errors
    await redis.client.flushall()
    await readsAreRight(app, 2)
    errors.push((await level2(app)).errors - before)
  }
  await isUsed(app)
  expect(errors).toContain(0) // none of a flush; a machine that stalls for 50 ms makes one now and then
})

testWithRedis('with a slow Redis the service serves on without an error', async () => {
  await using redis = await startRedis()
  await using proxy = await slowProxy(redis.port)
  await using app = await appOn(`redis://127.0.0.1:${proxy.port}`)
  await isUsed(app)
  proxy.delayMs = 300
  await readsAreRight(app, 100)
  expect((await level2(app)).errors).toBeGreaterThan(0)
  proxy.delayMs = 0
  await isUsed(app)
})

testWithRedis('a value in Redis that is not what its checksum says is never served', async () => {
  await using redis = await startRedis()
  await using app = await appOn(redis.url)
  await isUsed(app)
  const [key] = await redis.client.keys('prompt-store:v1:*')
  const right = (await redis.client.get(key!))!
  const other = JSON.stringify({ ...JSON.parse(right), content: 'a planted text' })
  for (const poison of [
    other,
    right.slice(0, -5),
    '',
    'null',
    '[]',
    '{}',
    '"x"',
    '\u0000',
    JSON.stringify({ ...JSON.parse(right), config: { model: 'planted' } }),
  ]) {
    await redis.client.set(key!, poison)
    await until('the right value is back', async () => {
      await readsAreRight(app, 2)
      return (await redis.client.get(key!)) === right
    })
  }
})

testWithRedis('what stands beside a right body in Redis is not served either', async () => {
  await using redis = await startRedis()
  await using app = await appOn(redis.url)
  await isUsed(app)
  const { body: before } = await app.owner('GET', hot)
  const [key] = await redis.client.keys('prompt-store:v1:*')
  const planted = { id: '00000000-0000-7000-8000-00000000dead', version: 99, name: 'planted', label: 'planted', x: 'planted' }
  await redis.client.set(key!, JSON.stringify({ ...JSON.parse((await redis.client.get(key!))!), ...planted }))
  expect((await app.owner('GET', hot)).body).toEqual(before)
})

testWithRedis('the service starts while Redis is away, and uses it as soon as it is there', async () => {
  await using redis = await startRedis()
  await redis.kill()
  await using app = await appOn(redis.url)
  await readsAreRight(app)
  await redis.restart()
  await isUsed(app)
})

/** A way to a port that can be made slow. */
async function slowProxy(to: number) {
  const sockets = new Set<Socket>()
  const proxy = {
    port: 0,
    delayMs: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('error', () => into.destroy()).on('close', () => into.destroy())
      from.on('data', (data) => setTimeout(() => into.writable && into.write(data), from === far ? proxy.delayMs : 0))
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy.port = (server.address() as { port: number }).port
  return proxy
}
