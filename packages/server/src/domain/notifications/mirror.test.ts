import { Writable } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import { afterEach, beforeEach, describe, expect, onTestFinished } from 'vitest'
import { createLog } from '../../infrastructure/telemetry/log.ts'
import { cloneDatabase, startTestApp, type TestApp } from '../../testing/index.ts'
import { startRedis, type TestRedis, testWithRedis } from '../../testing/redis.ts'
import { follow, placed } from './testing/log-kit.ts'
import { entriesOf } from './testing/mirror-kit.ts'

const patience = { interval: 20 }
const stream = 'events'
let apps: TestApp[] = []
let messages: string[] = []
beforeEach(() => {
  messages = []
})
afterEach(async () => {
  for (const app of apps.toReversed()) await app.stop()
  apps = []
})

async function start(redis: TestRedis, database?: TestApp['database'], maxLength = 100_000): Promise<TestApp> {
  const destination = new Writable({
    write(chunk, _encoding, done) {
      messages.push(JSON.parse(String(chunk)).msg)
      done()
    },
  })
  const log = createLog('info', destination) as FastifyBaseLogger
  const app = await startTestApp({ redisUrl: redis.url, redisStream: { name: stream, maxLength }, log, ...(database && { database }) })
  apps.push(app)
  return app
}
const trigger = (t: TestApp, n: number) => t.owner('POST', '/notifications/trigger', { type: 'custom.counted', data: { n } })
const positions = async (t: TestApp, after = 0) =>
  (await t.database.query<{ position: string }>('select position from outbox where position > $1 order by position', [after])).map((row) =>
    Number(row.position),
  )
const mirrored = async (redis: TestRedis) => (await entriesOf(redis, stream)).map(({ position }) => position)
const filled = async (t: TestApp, redis: TestRedis, after = 0) => {
  await placed(t)
  await expect.poll(() => mirrored(redis), patience).toEqual(await positions(t, after))
}
const said = (what: string) => expect.poll(() => messages.filter((message) => message.includes(what)).length, patience).toBe(1)

describe('the Redis Stream', () => {
  testWithRedis('has every event of all workspaces, as the log tells it, at its position', async () => {
    await using redis = await startRedis()
    const t = await start(redis)
    const stranger = await t.stranger()
    await t.owner('POST', '/prompts', { content: 'Hi', category: 'c', name: 'n' })
    await stranger('POST', '/notifications/trigger', { type: 'custom.theirs', subject: 'it', data: { a: [1, { b: null }] } })
    for (let n = 0; n < 1_200; n++) if (n % 10 === 0) await trigger(t, n)
    await filled(t, redis)
    const entries = await entriesOf(redis, stream)
    for (const [call, workspaceId] of [
      [stranger, stranger.workspaceId],
      [t.owner, '00000000-0000-7000-8000-000000000001'],
    ] as const)
      expect(entries.filter(({ fields }) => fields.workspaceId === workspaceId).map(({ fields }) => fields)).toEqual(
        (await follow(call, '?limit=200')).events.map(({ data, ...event }) => ({ ...event, workspaceId, data: JSON.stringify(data) })),
      )
  })

  testWithRedis('is filled by one of several instances, and by another when that one ends; nothing is there twice', async () => {
    await using redis = await startRedis()
    const first = await start(redis)
    const second = await start(redis, first.database)
    for (let n = 0; n < 20; n++) await trigger(n % 2 ? first : second, n)
    await filled(first, redis)
    // As if a leader had been killed after it had added entries and before it could note them.
    await first.database.query('update event_mirror set position = position - 7')
    await trigger(second, 20)
    await filled(first, redis)
    apps = [second]
    await first.app.stop()
    await trigger(second, 21)
    await filled(second, redis)
    expect(messages.filter((message) => message.includes('emptied'))).toEqual([])
    apps = []
    await second.app.stop()
    await first.database.drop()
  })

  testWithRedis('is caught up when Redis was away, and goes on where it was when Redis comes back empty', async () => {
    await using redis = await startRedis()
    const t = await start(redis)
    await trigger(t, 1)
    await filled(t, redis)
    const before = Math.max(...(await positions(t)))
    await redis.kill()
    for (let n = 2; n < 6; n++) expect((await trigger(t, n)).status).toBe(202)
    await said('Redis is away: its stream')
    await redis.restart()
    await filled(t, redis, before)
    await said('emptied or set back')
    await said('filled again')
    await redis.client.del(stream)
    const next = Math.max(...(await positions(t)))
    await trigger(t, 6)
    await filled(t, redis, next)
  })

  testWithRedis('begins with no more than it keeps, and drops what is too much', async () => {
    await using redis = await startRedis()
    const database = await cloneDatabase()
    onTestFinished(() => database.drop())
    await database.query(`insert into outbox (workspace_id, position, type, subject, data, actor, request_id, created_at)
      select '00000000-0000-7000-8000-000000000001', n, 'custom.counted', 's', '{}', 'a', 'r', now() from generate_series(1, 3000) n`)
    await database.query('update feed_head set position = 3000')
    const t = await start(redis, database, 1_000)
    await expect.poll(async () => (await mirrored(redis)).at(-1), patience).toBe(3_000)
    expect((await mirrored(redis))[0]).toBeGreaterThan(1_800)
    expect((await mirrored(redis))[0]).toBeLessThan(2_002)
    await trigger(t, 1)
    await expect.poll(async () => (await mirrored(redis)).at(-1), patience).toBe(3_001)
  })

  testWithRedis('is left alone, and the log says why, when there is in it what this store did not put there', async () => {
    await using redis = await startRedis()
    await redis.client.xadd(stream, '*', 'somebody', 'else')
    const t = await start(redis)
    await trigger(t, 1)
    await said('delete the stream, or let REDIS_STREAM name another')
    expect(await redis.client.xlen(stream)).toBe(1)
  })

  testWithRedis('is not overtaken by the removal of old events, and says what it missed', async () => {
    await using redis = await startRedis()
    const t = await start(redis)
    await trigger(t, 1)
    await filled(t, redis)
    await redis.kill()
    await t.database.query(`update outbox set created_at = now() - interval '50 days'`)
    await trigger(t, 2)
    await placed(t)
    await t.database.query(`update outbox set created_at = now() - interval '50 days'`)
    const [{ position }] = (await t.database.query<{ position: string }>('select position from event_mirror')) as [{ position: string }]
    const { deleted } = (await t.owner('POST', '/notifications/cleanup', { olderThanDays: 30 })).body
    expect(deleted.events).toBeLessThanOrEqual(Number(position))
    expect((await follow(t.owner, '')).events.map(({ data }) => data.n)).toContain(2)
    await t.database.query('delete from outbox')
    await trigger(t, 3)
    await redis.restart()
    await said('removed for their age before they were mirrored')
    await expect.poll(async () => (await entriesOf(redis, stream)).map(({ fields }) => JSON.parse(fields.data!).n), patience).toEqual([3])
  })
})
