import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startTestApp, type TestApp } from '../../../server/src/testing/index.ts'
import { runCli } from '../testing/run-cli.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
  for (const [category, name] of [
    ['a/b', 'greet@home'],
    ['mail', 'welcome'],
  ])
    await t.owner('POST', '/prompts', { category, name, content: 'Write a friendly greeting to {{name}}.', tags: [category] })
  const found = async () => (await t.owner('POST', '/prompts/search', { query: 'greeting' })).body.items.length
  await vi.waitFor(async () => expect(await found()).toBe(2), { timeout: 60_000, interval: 50 })
})
afterAll(() => t.stop())

test('search answers JSON to a pipe', async () => {
  const { code, lines } = await runCli(t.url, 'search', 'friendly greeting', '--category', 'mail')
  expect([code, lines[0].items.map(({ name }: { name: string }) => name), lines[0].mode]).toEqual([0, ['welcome'], 'keyword'])
  expect((await runCli(t.url, 'search', 'greeting', '--tag', 'a/b', '--limit', '5')).lines[0].items).toHaveLength(1)
  expect((await runCli(t.url, 'search', 'greeting', '--mode', 'hybrid')).lines[0].warnings[0].code).toBe('encoder.off')
})

test('a wrong mode or limit is told with code 2, a failure with 1', async () => {
  expect((await runCli(t.url, 'search', 'x', '--mode', 'magic')).code).toBe(2)
  expect((await runCli(t.url, 'search', 'x', '--limit', '0')).code).toBe(2)
  expect(await runCli(t.url, 'search', 'x', '--mode', 'semantic')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/search\.encoder_unavailable/),
  })
})
