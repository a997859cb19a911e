import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LRUCache } from 'lru-cache'
import { expect, test } from 'vitest'
import { atMost } from './at-most.ts'

test('keeps so many entries, whatever their size, and lets go of what was used least lately', () => {
  const cache = new LRUCache<string, string>(atMost(3))
  for (const key of ['a', 'b', 'c']) cache.set(key, key.repeat(1_000))
  cache.get('a')
  cache.set('b', 'again')
  cache.set('d', '')
  expect([...cache.keys()].sort()).toEqual(['a', 'b', 'd'])
  for (let i = 0; i < 1_000; i++) cache.set(`n${i}`, '')
  expect([cache.size, [...cache.keys()]]).toEqual([3, ['n999', 'n998', 'n997']])
})

test('an entry that is set again, deleted or cleared makes room', () => {
  const cache = new LRUCache<number, number>(atMost(2))
  for (let i = 0; i < 10; i++) cache.set(1, i)
  cache.set(2, 2)
  cache.delete(1)
  cache.set(3, 3)
  expect([...cache.keys()].sort()).toEqual([2, 3])
  cache.clear()
  expect([cache.size, cache.calculatedSize]).toEqual([0, 0])
})

test('a cache that may hold a million takes hardly any memory before there are entries, unlike one with max', async () => {
  // In a process of its own, where nobody else takes memory or gives it back.
  const script = `
    import { LRUCache } from 'lru-cache'
    import { atMost } from ${JSON.stringify(import.meta.resolve('./at-most.ts'))}
    const used = () => { gc(); const { heapUsed, arrayBuffers } = process.memoryUsage(); return heapUsed + arrayBuffers }
    const bytes = (make) => {
      make()
      const before = used()
      const held = Array.from({ length: 10 }, make)
      return [used() - before, held.length][0]
    }
    console.log(JSON.stringify([bytes(() => new LRUCache(atMost(1_000_000))), bytes(() => new LRUCache({ max: 1_000_000 }))]))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
    cwd: import.meta.dirname,
  })
  const [lazy, eager] = JSON.parse(stdout) as [number, number]
  expect(eager).toBeGreaterThan(100_000_000)
  expect(lazy).toBeLessThan(eager / 100)
})
