import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientOf, cloneDatabase, startTestApp, type TestApp, type TestDatabase } from '../../testing/index.ts'
import { aPrompt, servePath, verdict } from '../prompts/testing/prompt-kit.ts'
import { aKey, patience } from './testing/rights-kit.ts'

let database: TestDatabase
let t: TestApp
/** Milliseconds that the service's clock is ahead of the machine's. */
let ahead = 0
const clock = () => new Date(Date.now() + ahead).toISOString()
beforeAll(async () => {
  database = await cloneDatabase()
  t = await startTestApp({ database, clock })
})
afterAll(async () => {
  await t.stop()
  await database.drop()
})

const hour = 3_600_000

test('a clock that jumps over the expiry ends a key with the next request, on the hot path too, and back again it works', async () => {
  const prompt = await aPrompt(t.owner)
  const key = await aKey(t, { role: 'viewer', expiresAt: new Date(Date.now() + hour).toISOString() })
  const paths = ['/prompts?limit=1', servePath(prompt)]
  for (const [jump, expected] of [
    [0, [200]],
    [2 * hour, [401, 'auth.required']],
    [0, [200]],
    [-48 * hour, [200]],
    [100 * 365 * 24 * hour, [401, 'auth.required']],
  ] as const) {
    ahead = jump
    for (const path of paths) for (let n = 0; n < 2; n++) expect([jump, verdict(await key('GET', path))]).toEqual([jump, expected])
  }
  ahead = 0
})

test('a rotated key goes on until its retirement, to the millisecond', async () => {
  const key = await aKey(t, { role: 'viewer' })
  await t.owner('POST', `/api-keys/${key.id}/rotate`, { overlapMs: hour })
  ahead = hour - 60_000
  expect(verdict(await key('GET', '/prompts'))).toEqual([200])
  ahead = hour + 1
  expect(verdict(await key('GET', '/prompts'))).toEqual([401, 'auth.required'])
  ahead = 0
})

test('a revoked key stays out, however far the clock goes back', async () => {
  const key = await aKey(t, { role: 'viewer' })
  await t.owner('DELETE', `/api-keys/${key.id}`)
  ahead = -48 * hour
  expect(verdict(await key('GET', '/prompts'))).toEqual([401, 'auth.required'])
  ahead = 0
})

test('a role that is removed while its key is in use: refused on both instances, on the hot path too, also with a broken clock', async () => {
  const other = await startTestApp({ database })
  try {
    const prompt = await aPrompt(t.owner)
    const role = (await t.owner('POST', '/roles', { name: 'in use', permissions: ['prompts:read'] })).body
    const key = await aKey(t, { role: 'in use' })
    const both = [t, other].map(({ url }) => clientOf(url, key.key))
    const paths = ['/prompts?limit=1', servePath(prompt)]
    for (const call of both) for (const path of paths) await expect.poll(async () => (await call('GET', path)).status, patience).toBe(200)
    ahead = -24 * hour
    expect(verdict(await t.owner('DELETE', `/roles/${role.id}`))).toEqual([204])
    for (const call of both) for (const path of paths) await expect.poll(async () => (await call('GET', path)).status, patience).toBe(403)
    expect(verdict(await both[0]!('GET', '/prompts'))).toEqual([403, 'auth.forbidden'])
  } finally {
    ahead = 0
    await other.stop()
  }
})
