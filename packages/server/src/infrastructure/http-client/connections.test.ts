import { expect, test } from 'vitest'
import { loadedAfter } from '../../testing/loaded-by.ts'
import { connections } from './connections.ts'

const url = new URL('http://example.org/a')

test('a pool is kept for each group, origin and address, and what was used least lately goes', async () => {
  const own = connections({ pools: 2 })
  const pool = own.to(url, '127.0.0.1', 'one')
  expect(own.to(new URL('http://example.org/b'), '127.0.0.1', 'one')).toBe(pool)
  expect(own.to(url, '127.0.0.2', 'one')).not.toBe(pool)
  expect(own.to(url, '127.0.0.1', 'two')).not.toBe(pool)
  expect(own.to(url, '127.0.0.1', 'one')).not.toBe(pool)
  await own.close()
})

test('the client is loaded when somewhere is first called, and not before', async () => {
  const made = `const own = (await import('${new URL('connections.ts', import.meta.url)}')).connections({})`
  expect(await loadedAfter('/node_modules/undici/', [made, `own.to(new URL('${url}'), '127.0.0.1', 'one')`])).toEqual([false, true])
})
