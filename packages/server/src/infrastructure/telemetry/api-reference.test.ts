import Fastify from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { apiReference } from './api-reference.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

const get = (path: string) => fetch(`${t.url}${path}`, { redirect: 'manual' })

test('the reference is a page with its script, both from here, and leads from /docs to /docs/', async () => {
  const [moved, page, script] = await Promise.all(['/docs', '/docs/', '/docs/js/scalar.js'].map(get))
  expect([moved!.status, moved!.headers.get('location')]).toEqual([301, '/docs/'])
  const html = await page!.text()
  expect([page!.status, page!.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(html).toContain('/openapi.json')
  expect(html).toContain('src="js/scalar.js"')
  expect([script!.status, script!.headers.get('content-type')]).toEqual([200, 'application/javascript; charset=utf-8'])
  expect((await script!.arrayBuffer()).byteLength).toBe(Number(script!.headers.get('content-length')))
  for (const answer of [page!, script!]) expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'self'/)
  expect(await (await get('/docs/')).text()).toBe(html)
})

test('is read once for all who look, with all that it says of itself; what could not be read is tried again', async () => {
  let reads = 0
  const page = { status: 200, headers: { 'cache-control': 'max-age=60', etag: '"1"' }, bytes: Buffer.from('page') }
  const app = Fastify()
  apiReference(app, {}, async () => {
    if (++reads === 1) throw new Error('the disk was full')
    return new Map(['/docs', '/docs/', '/docs/js/scalar.js'].map((path) => [path, page]))
  })
  expect((await app.inject('/docs/')).statusCode).toBe(500)
  const answers = await Promise.all([app.inject('/docs/'), app.inject('/docs/js/scalar.js'), app.inject('/docs/')])
  for (const { statusCode, payload, headers } of answers)
    expect([statusCode, payload, headers['cache-control'], headers.etag]).toEqual([200, 'page', 'max-age=60', '"1"'])
  expect(reads).toBe(2)
  await app.close()
})
