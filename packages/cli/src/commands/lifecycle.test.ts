import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../../server/src/testing/index.ts'
import { runCli } from '../testing/run-cli.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
  for (const name of ['old', 'new']) await t.owner('POST', '/prompts', { category: 'a/b', name, content: name })
})
afterAll(() => t.stop())
const run = (...args: string[]) => runCli(t.url, 'lifecycle', ...args)

test('a prompt is moved through its life, and its history and the counts tell so', async () => {
  expect((await run('get', 'a%2Fb/old')).lines[0]).toMatchObject({ status: 'draft', allowed: ['review', 'published', 'archived'] })
  expect((await run('set', 'a%2Fb/old', 'published', '--reason', 'good')).lines[0]).toMatchObject({ status: 'published', reason: 'good' })
  const deprecate = ['set', 'a%2Fb/old', 'deprecated', '--sunset', '2100-01-01T00:00:00Z', '--successor', 'a%2Fb/new']
  expect((await run(...deprecate)).lines[0]).toMatchObject({ sunsetAt: '2100-01-01T00:00:00.000Z', successorId: expect.any(String) })
  expect((await run('set', 'a%2Fb/old', 'deprecated', '--sunset', 'none')).lines[0]).toMatchObject({
    sunsetAt: null,
    successorId: expect.any(String),
  })
  expect((await run('set', 'a%2Fb/old', 'archived', '--force')).code).toBe(0)
  expect((await run('history', 'a%2Fb/old')).lines.map(({ from, to }) => [from, to])).toEqual([
    ['deprecated', 'archived'],
    ['deprecated', 'deprecated'],
    ['published', 'deprecated'],
    ['draft', 'published'],
  ])
  expect((await run('counts')).lines[0]).toEqual({
    counts: { draft: 1, review: 0, published: 0, deprecated: 0, archived: 1 },
    total: 2,
  })
  expect((await run('counts', '--category', 'none')).lines[0].total).toBe(0)
})

test('a move that there is not fails with the allowed ones, and a wrong call ends with 2', async () => {
  expect(await run('set', 'a%2Fb/new', 'deprecated')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^error: lifecycle\.move_not_allowed: .*review, published, archived/),
  })
  for (const args of [
    ['set', 'a%2Fb/new', 'retired'],
    ['set', 'a%2Fb/new'],
    ['get', 'noslash'],
    ['counts', '--nothing'],
  ])
    expect([args, (await run(...args)).code]).toEqual([args, 2])
})
