import { afterAll, beforeAll, expect, test } from 'vitest'
import { cloneDatabase, startTestApp, type TestAnswer, type TestApp, type TestDatabase } from '../../testing/index.ts'

let database: TestDatabase
/** One instance with its cache, and so with the fast lane; and one without, which answers everything the usual way. */
let fast: TestApp
let usual: TestApp
beforeAll(async () => {
  database = await cloneDatabase()
  fast = await startTestApp({ database })
  usual = await startTestApp({ database, cacheBytes: 0 })
  await fast.owner('POST', '/prompts', { category: 'a/b %', name: '価格', content: 'Hi {{name}}', labels: { production: 1, beta: 1 } })
})
afterAll(async () => {
  await fast.app.stop()
  await usual.app.stop()
  await database.drop()
})

const path = `/prompts/search/${encodeURIComponent('a/b %')}/${encodeURIComponent('価格')}`
const unlike = new Set(['date', 'x-request-id', 'keep-alive', 'connection'])
const told = ({ status, text, headers }: TestAnswer) => ({
  status,
  text,
  headers: Object.fromEntries([...headers].filter(([name]) => !unlike.has(name))),
})
const servedFast = async () =>
  (await fast.owner('GET', '/cache/stats')).body.level1.find(({ area }: { area: string }) => area === 'served').hits as number

test.each([
  ['', {}],
  ['?label=production', {}],
  ['?label=beta', {}],
  ['?version=1', {}],
  ['', { 'if-none-match': '*' }],
  ['', { 'if-none-match': '"another"' }],
  ['', { 'x-request-id': 'mine' }],
])('it answers GET %s with %j as the usual way does, to the byte', async (query, headers) => {
  await fast.owner('GET', path + query)
  const before = await servedFast()
  const answer = await fast.owner('GET', path + query, undefined, headers)
  expect(await servedFast()).toBe(before + 1)
  expect(told(answer)).toEqual(told(await usual.owner('GET', path + query, undefined, headers)))
  if ('x-request-id' in headers) expect(answer.headers.get('x-request-id')).toBe('mine')
  else expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-z-]{20,128}$/)
})

test.each([
  ['?label=unset', {}, 404],
  ['?version=9', {}, 404],
  ['?label=production&version=1', {}, 400],
  ['?label=Bad', {}, 400],
  ['?unknown=1', {}, 400],
  ['', { 'x-consistency-token': 'forged' }, 400],
  ['', { authorization: 'Bearer nobody' }, 401],
])('what is not plain it leaves alone: GET %s with %j is %i either way', async (query, headers, status) => {
  await fast.owner('GET', path)
  for (const app of [fast, usual]) expect((await app.owner('GET', path + query, undefined, headers)).status).toBe(status)
})

test('an entity tag that is sent back is 304 without a body', async () => {
  const etag = (await fast.owner('GET', path)).headers.get('etag')!
  const again = await fast.owner('GET', path, undefined, { 'if-none-match': `"x", W/${etag}` })
  expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag])
})

test('a key that may not read is refused also where the answer is at hand', async () => {
  await fast.owner('GET', path)
  const caller = await fast.as('prompts:write')
  for (let i = 0; i < 2; i++) expect((await caller('GET', path)).status).toBe(403)
  const reader = await fast.as('prompts:read')
  for (let i = 0; i < 2; i++) expect((await reader('GET', path)).status).toBe(200)
})

test('a key of another workspace gets nothing of what is at hand', async () => {
  await fast.owner('GET', path)
  const stranger = await fast.stranger()
  for (let i = 0; i < 3; i++) expect((await stranger('GET', path)).status).toBe(404)
})

test('its requests are counted under the template of their route', async () => {
  await fast.owner('GET', path)
  const { text } = await fast.owner('GET', '//metrics')
  expect(text).toMatch(
    /promptstore_http_requests_total\{method="GET",route="\/api\/v1\/prompts\/search\/:category\/:name",status="200"\} \d+/,
  )
})
