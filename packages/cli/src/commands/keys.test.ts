import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../../server/src/testing/index.ts'
import { outcomeOf, runCli, spawnCli } from '../testing/run-cli.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())
const run = (...args: string[]) => runCli(t.url, ...args)
/** The list as a key's bearer sees it; its exit code says whether the key works. */
const works = async (key: string): Promise<boolean> => (await outcomeOf(spawnCli(t.url, ['keys', 'list'], key))).code === 0

test('keys are made, listed, rotated and revoked', async () => {
  const made = await run('keys', 'create', 'ci', '--scope', 'keys:read', '--scope', 'prompts:read', '--allow', '127.0.0.0/8')
  expect([made.code, made.err]).toEqual([0, ''])
  const { id, key } = made.lines[0]
  expect(made.lines[0]).toMatchObject({ name: 'ci', scopes: ['keys:read', 'prompts:read'], allowedCidrs: ['127.0.0.0/8'] })
  expect(await works(key)).toBe(true)
  const turned = (await run('keys', 'rotate', id, '--overlap', '0.5', '--expires', '2999-01-01T00:00:00Z')).lines[0]
  expect([await works(key), await works(turned.key), turned.expiresAt]).toEqual([true, true, '2999-01-01T00:00:00.000Z'])
  expect(await run('keys', 'rotate', id)).toMatchObject({ code: 1, err: expect.stringMatching(/^error: key\.not_live: /) })
  expect((await run('keys', 'revoke', turned.id)).lines).toEqual([{ id: turned.id, revoked: true }])
  expect(await works(turned.key)).toBe(false)
  const listed = (await run('keys', 'list')).lines.map((line) => line.id)
  expect([listed.includes(id), listed.includes(turned.id)]).toEqual([true, false])
  expect((await run('keys', 'list', '--revoked')).lines.map((line) => line.id)).toContain(turned.id)
})

test('a key has the role viewer unless told, and never a role and scopes', async () => {
  expect((await run('keys', 'create', 'plain')).lines[0]).toMatchObject({ role: 'viewer', scopes: [] })
  expect(await run('keys', 'create', 'both', '--role', 'viewer', '--scope', 'prompts:read')).toMatchObject({ code: 2 })
  expect(await run('keys', 'create', 'none', '--role', 'nobody')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^error: role\.unknown: /),
  })
  expect((await run('keys', 'rotate', 'x', '--overlap', 'soon')).code).toBe(2)
})
