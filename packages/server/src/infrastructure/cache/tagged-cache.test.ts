import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Loaded } from '../../core/cache.ts'
import { createTagIndex } from './tag-index.ts'
import { createTaggedCache } from './tagged-cache.ts'

const cacheOf = (maxBytes = 1_000_000, enabled = true) => createTaggedCache<string>({ name: 'test', maxBytes, enabled })
const loaded = (value: string, tags: string[] = [], bytes = 10): Loaded<string> => ({ value, tags, bytes })

/** A load that ends when it is told to. */
function gate() {
  let open!: (value: Loaded<string>) => void
  let fail!: (error: Error) => void
  const promise = new Promise<Loaded<string>>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { loader: () => promise, open, fail }
}

test('callers of one key share one load, and find it kept afterwards', async () => {
  const cache = cacheOf()
  const slow = gate()
  let loads = 0
  const load = () =>
    cache.load('k', () => {
      loads++
      return slow.loader()
    })
  const both = Promise.all([load(), load(), load()])
  slow.open(loaded('v'))
  expect(await both).toEqual(['v', 'v', 'v'])
  expect([loads, cache.get('k'), cache.peek('k')]).toEqual([1, 'v', 'v'])
  expect(cache.stats()).toMatchObject({ entries: 1, hits: 1, misses: 1, loadMs: { count: 1 } })
})

test('a failed load is told to all who wait for it, and is tried anew by the next', async () => {
  const cache = cacheOf()
  const slow = gate()
  const both = Promise.allSettled([cache.load('k', slow.loader), cache.load('k', slow.loader)])
  slow.fail(new Error('away'))
  expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await cache.load('k', async () => loaded('v'))).toBe('v')
})

test('a loader that throws before it promises anything is a failed load like any other', async () => {
  const cache = cacheOf()
  await expect(
    cache.load('k', () => {
      throw new Error('at once')
    }),
  ).rejects.toThrow('at once')
  expect(await cache.load('k', async () => loaded('v'))).toBe('v')
})

test('a load that ran while its tag was evicted is given to those who began it, not kept, and not joined', async () => {
  const cache = cacheOf()
  const [before, after] = [gate(), gate()]
  const early = cache.load('k', before.loader)
  cache.evict(['t'])
  const late = cache.load('k', after.loader)
  before.open(loaded('old', ['t']))
  expect(await early).toBe('old')
  expect(cache.get('k')).toBeUndefined()
  after.open(loaded('new', ['t']))
  expect([await late, cache.get('k')]).toEqual(['new', 'new'])
})

test('a load that ran while another tag was evicted is kept', async () => {
  const cache = cacheOf()
  const slow = gate()
  const early = cache.load('k', slow.loader)
  cache.evict(['other'])
  slow.open(loaded('v', ['t']))
  await early
  expect(cache.get('k')).toBe('v')
})

test.each([
  ['cleared', (cache: ReturnType<typeof cacheOf>) => cache.clear()],
  ['searched for what to evict', (cache: ReturnType<typeof cacheOf>) => cache.evictWhere(() => false)],
])('a load that ran while the cache was %s is not kept', async (_how, forget) => {
  const cache = cacheOf()
  const slow = gate()
  const early = cache.load('k', slow.loader)
  forget(cache)
  slow.open(loaded('v'))
  expect([await early, cache.get('k')]).toEqual(['v', undefined])
})

test('what expires is gone after its time', async () => {
  const cache = cacheOf()
  await cache.load('short', async () => ({ ...loaded('v'), expiresInMs: 1_000.5 }))
  await cache.load('long', async () => loaded('v'))
  expect(cache.peek('short')).toBe('v')
  await expect.poll(() => cache.get('short')).toBeUndefined()
  expect([cache.peek('short'), cache.get('long')]).toEqual([undefined, 'v'])
})

test('what is too large for the whole cache is given, and not kept', async () => {
  const cache = cacheOf(2_000)
  await cache.load('small', async () => loaded('s', ['t'], 100))
  expect(await cache.load('large', async () => loaded('l', ['t'], 2_000))).toBe('l')
  expect([cache.get('large'), cache.get('small'), cache.evict(['t'])]).toEqual([undefined, 's', 1])
})

test('the least recently used entries make room, are counted, and leave no tag behind', async () => {
  const cache = cacheOf(3_000)
  for (const key of ['a', 'b', 'c']) await cache.load(key, async () => loaded(key, ['t'], 300))
  cache.get('a')
  await cache.load('d', async () => loaded('d', ['t'], 300))
  expect(['a', 'b', 'c', 'd'].filter((key) => cache.peek(key))).toEqual(['a', 'c', 'd'])
  expect([cache.stats().evictions, cache.evict(['t']), cache.stats().evictions, cache.stats().bytes]).toEqual([1, 3, 4, 0])
  expect(cache.entries(10)).toEqual([])
})

test('a cache that is turned off keeps nothing and still shares loads', async () => {
  const cache = cacheOf(1_000_000, false)
  const slow = gate()
  const both = Promise.all([cache.load('k', slow.loader), cache.load('k', slow.loader)])
  slow.open(loaded('v'))
  expect([await both, cache.get('k'), cache.stats().misses]).toEqual([['v', 'v'], undefined, 1])
})

test('the index of tags forgets a tag with the last key that carries it', () => {
  const index = createTagIndex()
  index.add('k', ['a', 'b'])
  index.add('l', ['b'])
  expect([index.keysWith(['a', 'b', 'c']), index.size()]).toEqual([new Set(['k', 'l']), 2])
  index.remove('k', ['a', 'b'])
  expect([index.keysWith(['a', 'b']), index.size()]).toEqual([new Set(['l']), 1])
  index.remove('l', ['b'])
  index.remove('l', ['b', 'unknown'])
  expect(index.size()).toBe(0)
})

const keys = ['a', 'b', 'c', 'd', 'e']
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('load' as const), key: fc.constantFrom(...keys) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('finish' as const), nth: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('write' as const), key: fc.constantFrom(...keys) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('evictWhere' as const), key: fc.constantFrom(...keys) }) },
)

test('whatever is loaded, written and evicted in whatever order: never an old value after a write, never more bytes than allowed, and tags and entries agree', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 80 }), fc.integer({ min: 1_000, max: 4_000 }), async (operations, maxBytes) => {
      const cache = createTaggedCache<number>({ name: 'test', maxBytes })
      const stored = new Map(keys.map((key) => [key, 0]))
      const running: { key: string; finish: () => void; ended: Promise<number>; least: number }[] = []
      for (const op of operations) {
        if (op.do === 'write') {
          stored.set(op.key, stored.get(op.key)! + 1)
          cache.evict([`tag-${op.key}`])
        } else if (op.do === 'clear') cache.clear()
        else if (op.do === 'evictWhere') cache.evictWhere((key) => key === op.key)
        else if (op.do === 'load') {
          let finish: () => void = () => undefined
          const ended = cache.load(op.key, () => {
            const value = stored.get(op.key)! // as of the moment at which the load began, as in a snapshot
            return new Promise((resolve) => {
              finish = () => resolve({ value, tags: [`tag-${op.key}`], bytes: 100 + value })
            })
          })
          running.push({ key: op.key, finish, ended, least: stored.get(op.key)! })
        } else if (running.length > 0) {
          // What shares another's load ends with it, so whoever began it is ended first.
          const { ended, least } = running[op.nth % running.length]!
          for (const { finish } of running) finish()
          expect(await ended).toBeGreaterThanOrEqual(least)
          await Promise.all(running.splice(0).map(({ ended }) => ended))
        }
        for (const key of keys) expect([undefined, stored.get(key)]).toContain(cache.peek(key))
        expect(cache.stats().bytes).toBeLessThanOrEqual(maxBytes)
        expect(cache.entries(100).length).toBe(keys.filter((key) => cache.peek(key) !== undefined).length)
      }
      for (const { finish } of running) finish()
      await Promise.all(running.map(({ ended }) => ended))
      const kept = keys.filter((key) => cache.peek(key) !== undefined)
      expect(cache.evict(keys.map((key) => `tag-${key}`))).toBe(kept.length)
      expect(cache.stats()).toMatchObject({ entries: 0, bytes: 0 })
    }),
    { numRuns: 300 },
  )
})
