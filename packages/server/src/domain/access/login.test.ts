import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestApp } from '../../testing/index.ts'
import { browserOf, fromOurPage, logIn, publicUrl, startLoginApp, whoAmI } from './testing/login-kit.ts'
import { startRealProvider } from './testing/providers.ts'

let provider: Awaited<ReturnType<typeof startRealProvider>>
let t: TestApp
beforeAll(async () => {
  provider = await startRealProvider()
  t = await startLoginApp(provider.url)
})
afterAll(async () => {
  await t.stop()
  await provider.close()
})

test('a person logs in', async () => {
  const browser = browserOf(t)
  const page = await logIn(browser, 'ada')
  console.log(page, browser.received)
  console.log(await whoAmI(browser))
  const r = await fromOurPage(browser, 'POST', '/api/v1/prompts', { content: 'Hi' })
  console.log(r.status, r.body)
})
