import { describe, expect, test, vi } from 'vitest'
import { bootstrapKey, type Call, clientOf, startTestApp, type TestApp } from '../../testing/index.ts'
import { startRedis, testWithRedis } from '../../testing/redis.ts'
import { aKeyWith } from '../access/testing/rights-kit.ts'

const make = async (call: Call, name: string, fields: Record<string, unknown> = {}) =>
  (await call('POST', '/prompts', { category: 'c', name, content: `text of ${name}`, ...fields })).body
const serve = (call: Call, name: string, query = '') => call('GET', `/prompts/search/c/${encodeURIComponent(name)}${query}`)
const entries = async (call: Call, area = 'served'): Promise<string[]> =>
  (await call('GET', `/cache/entries?area=${area}&limit=200`)).body.items.map(({ entry }: { entry: string }) => entry).sort()
const statsOf = async (call: Call, area: string) =>
  (await call('GET', '/cache/stats')).body.level1.find((one: { area: string }) => one.area === area)

async function withApp(run: (t: TestApp) => Promise<void>, options: Parameters<typeof startTestApp>[0] = {}): Promise<void> {
  const t = await startTestApp(options)
  try {
    await run(t)
  } finally {
    await t.stop()
  }
}

describe('the cache of an instance', () => {
  test('counts hits and misses, and lists what it keeps for the workspace', () =>
    withApp(async (t) => {
      const { id, checksum } = await make(t.owner, 'one')
      const before = await statsOf(t.owner, 'served')
      for (let i = 0; i < 3; i++) await serve(t.owner, 'one')
      await serve(t.owner, 'one', '?version=1')
      await t.owner('POST', `/prompts/${id}/render`, {})
      const after = await statsOf(t.owner, 'served')
      expect([after.entries, after.misses - before.misses, after.hits - before.hits]).toEqual([3, 3, 2])
      expect(after.bytes).toBeGreaterThan(0)
      expect(after.bytes).toBeLessThan(after.maxBytes)
      expect(after.hitRate).toBeCloseTo(after.hits / (after.hits + after.misses))
      expect(await entries(t.owner)).toEqual([`${id}@production`, 'c/one#1', 'c/one@production'].sort())
      expect(await entries(t.owner, 'bodies')).toEqual([checksum])
      const stranger = await t.stranger()
      expect((await stranger('GET', '/cache/entries')).body.items).toEqual([])
      expect((await t.owner('GET', '/cache/entries?limit=2')).body.items).toHaveLength(2)
      expect((await t.owner('GET', '/cache/stats')).body.level2).toMatchObject({ state: 'off', hits: 0, misses: 0, errors: 0 })
    }))

  test('needs permissions of its own', () =>
    withApp(async (t) => {
      const reader = await t.as('cache:read')
      expect((await reader('GET', '/cache/stats')).status).toBe(200)
      expect((await reader('POST', '/cache/invalidate', {})).body).toMatchObject({ status: 403, permission: 'cache:write' })
      expect((await reader('POST', '/cache/warmup', {})).body).toMatchObject({ status: 403, permission: 'cache:write' })
    }))

  test('names nothing of categories that a caller may not see, nor counts it', () =>
    withApp(async (t) => {
      const { id } = await make(t.owner, 'one')
      await make(t.owner, 'two', { category: 'hidden' })
      const both = ['prompts:read', 'cache:read', 'cache:write']
      const limited = await aKeyWith(t, { permissions: both, categories: ['c'] })
      const blind = await aKeyWith(t, { permissions: ['cache:read', 'cache:write'], categories: ['c'] })
      await serve(t.owner, 'one')
      await t.owner('POST', `/prompts/${id}/render`, {})
      for (const path of ['hidden/two', 'hidden/nothing']) await t.owner('GET', `/prompts/search/${path}`)
      await t.owner('POST', '/prompts/01900000-0000-7000-8000-000000000000/render', {})
      for (const call of [limited, blind]) {
        expect(await entries(call)).toEqual([`${id}@production`, 'c/one@production'].sort())
        expect(await entries(call, 'bodies')).toEqual([])
        expect((await call('POST', '/cache/invalidate', { pattern: 'hidden/*' })).body).toEqual({ invalidated: 0 })
      }
      expect((await limited('POST', '/cache/invalidate', { promptId: id })).body).toEqual({ invalidated: 2 })
      expect((await limited('POST', '/cache/warmup', { items: [{ category: 'hidden', name: 'two' }] })).body).toEqual({
        warmed: 0,
        failed: 1,
      })
    }))

  test('forgets what is named, in its own workspace only, and says how much', () =>
    withApp(async (t) => {
      const stranger = await t.stranger()
      const fill = async () => {
        const ids: string[] = []
        for (const name of ['one', 'two', 'twin']) {
          await serve(t.owner, name)
          await serve(stranger, name)
          ids.push((await t.owner('POST', '/prompts/resolve', { category: 'c', name })).body.id)
        }
        await t.owner('POST', '/prompts/batch-get', { items: [{ id: ids[1] }] })
        return ids
      }
      for (const name of ['one', 'two', 'twin']) for (const call of [t.owner, stranger]) await make(call, name)
      const [first, second] = await fill()
      const everything = ['c/one@production', 'c/twin@production', 'c/two@production', `${second}@production`]
      const forget = async (body: object) => {
        await fill()
        expect(await entries(t.owner)).toEqual([...everything].sort())
        const { body: answer } = await t.owner('POST', '/cache/invalidate', body)
        expect(await entries(stranger)).toHaveLength(3)
        return [answer.invalidated, everything.length - (await entries(t.owner)).length]
      }
      expect(await forget({ promptId: first })).toEqual([1, 1])
      expect(await forget({ pattern: 'c/tw*' })).toEqual([3, 3])
      expect(await forget({ pattern: 'c/two', promptId: second })).toEqual([2, 2])
      expect(await forget({ pattern: 'x/*' })).toEqual([0, 0])
      expect(await forget({ area: 'served' })).toEqual([4, 4])
      expect(await entries(t.owner, 'bodies')).toHaveLength(3)
      expect(await forget({})).toEqual([7, 4])
      expect(await entries(t.owner, 'bodies')).toEqual([])
      for (const body of [{ area: 'other' }, { promptId: 'x' }, { pattern: '' }, { all: true }])
        expect((await t.owner('POST', '/cache/invalidate', body)).status).toBe(400)
    }))

  test('is warmed with a given list, or with what changed last', () =>
    withApp(async (t) => {
      for (const name of ['one', 'two', 'three']) await make(t.owner, name)
      const items = [
        { category: 'c', name: 'one' },
        { category: 'c', name: 'nobody' },
        { category: 'c', name: 'two', label: 'beta' },
      ]
      expect((await t.owner('POST', '/cache/warmup', { items })).body).toEqual({ warmed: 1, failed: 2 })
      const { misses } = await statsOf(t.owner, 'served')
      await serve(t.owner, 'one')
      expect((await statsOf(t.owner, 'served')).misses).toBe(misses)
      await t.owner('POST', '/cache/invalidate', {})
      await t.owner('PUT', `/prompts/${(await serve(t.owner, 'one')).body.id}`, { description: 'changed last' })
      expect((await t.owner('POST', '/cache/warmup', { limit: 2 })).body).toEqual({ warmed: 2, failed: 0 })
      expect(await entries(t.owner)).toEqual(['c/one@production', 'c/three@production'])
      expect((await t.owner('POST', '/cache/warmup', {})).body).toEqual({ warmed: 3, failed: 0 })
    }))

  test('may be off: everything is answered the same, and nothing is kept', () =>
    withApp(
      async (t) => {
        const { id } = await make(t.owner, 'one', { content: 'Hi {{x}}' })
        for (let i = 0; i < 3; i++) expect((await serve(t.owner, 'one')).body.content).toBe('Hi {{x}}')
        expect((await serve(t.owner, 'one', '?var.x=y')).body.rendered).toBe('Hi y')
        expect((await t.owner('POST', `/prompts/${id}/render`, { variables: { x: 'z' } })).body.text).toBe('Hi z')
        expect((await serve(t.owner, 'two')).status).toBe(404)
        expect((await t.owner('POST', '/cache/warmup', {})).body).toEqual({ warmed: 1, failed: 0 })
        expect(await statsOf(t.owner, 'served')).toMatchObject({ entries: 0, hits: 0 })
        expect(await statsOf(t.owner, 'bodies')).toMatchObject({ entries: 0, hits: 0 })
        expect((await t.owner('POST', '/cache/invalidate', {})).body).toEqual({ invalidated: 0 })
      },
      { cacheBytes: 0 },
    ))
})

describe('two instances', () => {
  const withTwo = (run: (t: TestApp, there: Call) => Promise<void>) =>
    withApp(async (t) => {
      const other = await startTestApp({ database: t.database })
      try {
        await run(t, clientOf(other.url, bootstrapKey))
      } finally {
        await other.stop()
      }
    })

  test('each see what the other changed, without being asked to', () =>
    withTwo(async (t, there) => {
      const one = await make(t.owner, 'one')
      const part = await make(t.owner, 'part')
      await make(t.owner, 'whole', { content: '<{{> c/part}}>' })
      const seen = async () => [
        (await serve(there, 'one')).body.content,
        (await serve(there, 'whole')).body.resolvedContent,
        (await serve(there, 'later')).status,
      ]
      expect(await seen()).toEqual(['text of one', '<text of part>', 404])
      for (const { id } of [one, part]) {
        await t.owner('PUT', `/prompts/${id}/content`, { content: 'new' })
        await t.owner('PUT', `/prompts/${id}/labels/production`, { version: 2 })
      }
      await make(t.owner, 'later')
      await vi.waitFor(async () => expect(await seen()).toEqual(['new', '<new>', 200]), { timeout: 60_000, interval: 50 })
      await t.owner('DELETE', `/prompts/${one.id}`)
      await vi.waitFor(async () => expect((await serve(there, 'one')).status).toBe(404), { timeout: 60_000, interval: 50 })
    }))

  test('both forget what one was told to forget', () =>
    withTwo(async (t, there) => {
      await make(t.owner, 'one')
      const token = (await t.owner('POST', '/prompts', { category: 'c', name: 'two', content: 'x' })).headers.get('x-consistency-token')!
      for (const name of ['one', 'two'])
        expect((await there('GET', `/prompts/search/c/${name}`, undefined, { 'x-consistency-token': token })).status).toBe(200)
      expect(await entries(there)).toEqual(['c/one@production', 'c/two@production'])
      await t.owner('POST', '/cache/invalidate', { pattern: 'c/o*' })
      await vi.waitFor(async () => expect(await entries(there)).toEqual(['c/two@production']), { timeout: 60_000, interval: 50 })
    }))
})

describe('level 2', () => {
  testWithRedis('is filled by one instance and read by the next; what is wrong in it is not served', async () => {
    await using redis = await startRedis()
    await withApp(
      async (t) => {
        const level2 = async (call: Call) => (await call('GET', '/cache/stats')).body.level2
        await vi.waitFor(async () => expect((await level2(t.owner)).state).toBe('connected'), { timeout: 60_000, interval: 20 })
        const { checksum } = await make(t.owner, 'one', { content: 'Hi {{x}}', config: { a: 1 } })
        const first = await serve(t.owner, 'one')
        const keys = await vi.waitFor(
          async () => {
            const found = (await redis.client.keys('*')).filter((key) => key.includes(checksum))
            expect(found).toHaveLength(1)
            return found
          },
          { timeout: 60_000, interval: 20 },
        )
        const stored = (await redis.client.get(keys[0]!))!
        const body = JSON.parse(stored)
        expect(body).toEqual({ type: 'text', engine: 'mustache', content: 'Hi {{x}}', variables: first.body.variables, config: { a: 1 } })
        const wrong = [
          '',
          'null',
          '[]',
          '{',
          JSON.stringify({ ...body, content: 'evil' }),
          JSON.stringify({ ...body, status: 'archived', name: 'evil' }),
        ]
        for (const value of [stored, ...wrong]) {
          const next = await startTestApp({ database: t.database, redisUrl: redis.url })
          try {
            await vi.waitFor(async () => expect((await level2(next.owner)).state).toBe('connected'), { timeout: 60_000, interval: 20 })
            const seen: unknown[] = []
            // A machine that stalls for 50 ms lets a read of Redis be given up: then once more.
            const readThrough = async () => {
              await next.owner('POST', '/cache/invalidate', {})
              await redis.client.set(keys[0]!, value)
              const again = await serve(next.owner, 'one')
              seen.push([again.text, again.headers.get('etag')])
              return (await level2(next.owner)).hits
            }
            await expect.poll(readThrough).toBeGreaterThan(0)
            expect(new Set(seen.map(String))).toEqual(new Set([String([first.text, first.headers.get('etag')])]))
          } finally {
            await next.stop()
          }
        }
      },
      { redisUrl: redis.url },
    )
  })
})
