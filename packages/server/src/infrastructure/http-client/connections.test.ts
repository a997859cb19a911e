import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { connections } from './connections.ts'

const isLoaded = () => Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('/node_modules/undici/'))

test('the client is loaded when somewhere is first called, and a pool is kept for each group, origin and address', async () => {
  const own = connections({ pools: 2 })
  expect(isLoaded()).toBe(false)
  const url = new URL('http://example.org/a')
  const pool = own.to(url, '127.0.0.1', 'one')
  expect(isLoaded()).toBe(true)
  expect(own.to(new URL('http://example.org/b'), '127.0.0.1', 'one')).toBe(pool)
  expect(own.to(url, '127.0.0.2', 'one')).not.toBe(pool)
  expect(own.to(url, '127.0.0.1', 'two')).not.toBe(pool) // and the first, used least lately, goes
  expect(own.to(url, '127.0.0.1', 'one')).not.toBe(pool)
  await own.close()
})
