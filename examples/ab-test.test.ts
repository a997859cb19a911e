import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrapKey, startTestApp, type TestApp } from '../packages/server/src/testing/index.ts'

/** It waits until its outcomes are counted, and what the server's other databases write holds that up. */
const timeout = 120_000

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

/** Play it as a reader of its documentation would. */
const play = (env: Record<string, string>) =>
  new Promise<{ code: number | null; output: string; errors: string }>((done) => {
    const child = execFile(
      process.execPath,
      [join(import.meta.dirname, 'ab-test.ts')],
      { env: { ...process.env, PROMPT_STORE_URL: t.url, PROMPT_STORE_API_KEY: bootstrapKey, ...env } },
      (_error, output, errors) => done({ code: child.exitCode, output, errors }),
    )
  })

test('the experiment finds the better version, promotes it and tells so', { timeout }, async () => {
  const { code, output, errors } = await play({ EXAMPLE_RATES: '0.6,0.9' })
  expect([code, errors]).toEqual([0, ''])
  expect(output).toMatch(/production serves version 1\..*users succeed with 60 % and 90 %/s)
  expect(output).toMatch(/\n1 .* ok \(/)
  expect(output).toMatch(/\nship: .*The winner is next-step\. Production serves version 2 now\./s)
  for (const type of ['prompt.created', 'prompt.label_moved', 'ab_test.started', 'ab_test.ended']) expect(output).toContain(type)
})

test('where the new version is worse, production stays where it is', { timeout }, async () => {
  const { code, output } = await play({ EXAMPLE_RATES: '0.9,0.6' })
  expect(code).toBe(0)
  expect(output).toMatch(/keep_control: .*Production serves version 1 now\./s)
})

test.each([
  ['no store', { PROMPT_STORE_URL: 'http://127.0.0.1:1' }, 'No store answers at http://127.0.0.1:1. Start one by "npm start"'],
  ['a wrong key', { PROMPT_STORE_API_KEY: 'wrong' }, 'does not take this key'],
])('%s is told in a line that says what to do', async (_, env, said) => {
  const { code, output, errors } = await play(env)
  expect([code, output]).toEqual([1, ''])
  expect(errors.trim().split('\n')).toEqual([expect.stringContaining(said)])
})
