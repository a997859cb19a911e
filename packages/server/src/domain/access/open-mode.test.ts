import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bytes, raw } from '../../core/testing/raw.ts'
import { cloneDatabase, startTestApp, type TestApp } from '../../testing/index.ts'

const paths = ['/api/v1/prompts', '/api/v1/prompts/search/open/mode', '/metrics']
const get = (t: TestApp, path: string, headers: Record<string, string>) => raw(t.url, { path, headers })

describe('without any key', () => {
  let t: TestApp
  let port: string
  beforeAll(async () => {
    t = await startTestApp({ open: true })
    port = new URL(t.url).port
    await t.anonymous('POST', '/prompts', { content: 'c', category: 'open', name: 'mode' })
  })
  afterAll(() => t.stop())

  test('the service serves who is on this machine, as the owner of the default workspace', async () => {
    const made = await t.anonymous('POST', '/prompts', { content: 'mine' })
    expect([made.status, made.body.createdBy]).toEqual([201, 'open'])
    for (const path of paths) expect([path, (await get(t, path, {})).status]).toEqual([path, 200])
  })

  test('names of this machine are fine: localhost, 127.x, IPv6, with a port and without', async () => {
    for (const host of [
      `localhost:${port}`,
      'localhost',
      `127.0.0.1:${port}`,
      '127.1.2.3:1',
      `[::1]:${port}`,
      '[::1]',
      'LOCALHOST',
      'prompts.localhost:80',
    ])
      for (const path of paths) expect([host, path, (await get(t, path, { host })).status]).toEqual([host, path, 200])
  })

  test('its own pages are fine: the same origin, and what was typed', async () => {
    const host = `localhost:${port}`
    for (const headers of [
      { origin: `http://${host}` },
      { origin: `https://${host}` },
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
    ])
      for (const path of paths) expect((await get(t, path, { host, ...headers })).status).toBe(200)
  })

  test.each<Record<string, string>>([
    { host: 'evil.example' },
    { host: 'evil.example:5110' },
    { host: 'localhost.evil.example' },
    { host: '127.0.0.1.evil.example' },
    { host: '10.0.0.1' },
    { host: '0.0.0.0' },
    { host: '[::ffff:10.0.0.1]' },
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:1' },
    { origin: 'http://localhost.evil.example' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'x-forwarded-for': '10.0.0.1' },
    { 'x-forwarded-host': 'evil.example' },
    { 'x-forwarded-proto': 'https' },
    { 'x-forwarded-port': '443' },
    { 'x-forwarded-prefix': '/' },
    { 'x-forwarded-server': 'proxy' },
    { 'x-real-ip': '10.0.0.1' },
    { forwarded: 'for=10.0.0.1' },
    { via: '1.1 proxy' },
  ])('a request that comes from elsewhere is refused with 403, on the hot path too: %o', async (headers) => {
    for (const path of paths) {
      await get(t, path, {}) // so that the answer is at hand
      const answer = await get(t, path, headers)
      expect([path, answer.status, answer.json().code]).toEqual([path, 403, 'auth.open_mode_refused'])
      expect(answer.text).not.toContain('evil')
    }
  })

  test('a request that names no host at all is refused', async () => {
    for (const path of paths)
      expect(await bytes(t.url, `GET ${path} HTTP/1.0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 403 .*auth\.open_mode_refused/s)
  })

  test('what is public is public: the guard is for data', async () => {
    for (const path of ['/livez', '/health', '/openapi.json', '/docs/errors'])
      expect((await get(t, path, { host: 'evil.example' })).status).toBe(200)
  })

  test('a wrong key is 401 all the same', async () => {
    for (const path of paths) expect((await get(t, path, { authorization: 'Bearer nonsense' })).status).toBe(401)
  })
})

describe('the first key', () => {
  const started: { stop(): Promise<void> }[] = []
  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop()
  })

  test('ends open mode at once on two instances, on the hot path too, and for good', async () => {
    const database = await cloneDatabase()
    const [one, two] = [await startTestApp({ database, open: true }), await startTestApp({ database, open: true })]
    started.push(one, two, { stop: () => database.drop() })
    await one.anonymous('POST', '/prompts', { content: 'c', category: 'open', name: 'mode' })
    for (const t of [one, two]) for (const path of paths) expect((await get(t, path, {})).status).toBe(200)
    const owner = await one.as('*')
    for (const t of [one, two])
      for (const path of paths) await expect.poll(async () => (await get(t, path, {})).status, { interval: 50 }).toBe(401)
    expect((await owner('GET', '/prompts')).status).toBe(200)
    await database.query('update api_key set revoked_at = now()')
    const three = await startTestApp({ database, open: true })
    started.unshift(three)
    expect((await three.anonymous('GET', '/prompts')).status).toBe(401)
  })
})
