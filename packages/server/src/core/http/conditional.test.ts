import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import type { AnyEndpoint } from '../endpoint.ts'
import {
  aBulkOperation,
  addressOf,
  aRunThatAsks,
  bodyOf,
  endpointsOf,
  type Fixtures,
  makeFixtures,
  makeIds,
  makeTests,
  makeWebhook,
  queryOf,
  withQuery,
} from '../testing/walk.ts'

let t: TestApp
let mine: Fixtures
beforeAll(async () => {
  t = await startTestApp()
  mine = await makeFixtures(t.owner, t.database)
})
afterAll(() => t.stop())

const served = () => `/prompts/search/${encodeURIComponent(mine.category)}/${encodeURIComponent(mine.name)}`
const single = () => [
  `/prompts/${mine.id}`,
  `/prompts/${mine.id}?version=1`,
  `/prompts/${mine.id}/versions/1`,
  served(),
  `${served()}?version=2`,
]
const get = (path: string, headers: Record<string, string> = {}) => t.owner('GET', path, undefined, headers)

describe('If-None-Match', () => {
  test('with the tag answers 304: alone, weak, in a list, or as *', async () => {
    for (const path of single()) {
      const etag = (await get(path)).headers.get('etag')!
      expect(etag).toMatch(/^"[^"]+"$/)
      for (const tags of [etag, `W/${etag}`, `"no", ${etag}`, `"no",W/${etag},"other"`, '*']) {
        const { status, text, headers } = await get(path, { 'if-none-match': tags })
        expect([path, tags, status, text, headers.get('etag')]).toEqual([path, tags, 304, '', etag])
      }
    }
  })

  test('with another tag answers in full', async () => {
    for (const path of single())
      for (const tags of ['"no"', '"no", W/"other"', 'nonsense,,'])
        expect([path, (await get(path, { 'if-none-match': tags })).status]).toEqual([path, 200])
  })

  test('answers HEAD as it answers GET', async () => {
    const etag = (await get(single()[0]!)).headers.get('etag')!
    expect((await t.owner('HEAD', single()[0]!, undefined, { 'if-none-match': etag })).status).toBe(304)
  })

  test('never answers a failure with 304', async () => {
    expect((await get('/prompts/01900000-0000-7000-8000-000000000000', { 'if-none-match': '*' })).status).toBe(404)
  })

  test('after a change the tag is another one', async () => {
    const before = (await get(`/prompts/${mine.id}`)).headers.get('etag')!
    const put = await t.owner('PUT', `/prompts/${mine.id}`, { description: 'changed' })
    expect(put.headers.get('etag')).not.toBe(before)
    const after = await get(`/prompts/${mine.id}`, { 'if-none-match': before })
    expect([after.status, after.headers.get('etag')]).toEqual([200, put.headers.get('etag')])
  })
})

describe('If-Match', () => {
  const put = (match: string) => t.owner('PUT', `/prompts/${mine.id}`, { description: `${Math.random()}` }, { 'if-match': match })
  const tag = async () => (await get(`/prompts/${mine.id}`)).headers.get('etag')!

  test('with the present tag, in a list, or as *, lets the change happen', async () => {
    expect((await put(await tag())).status).toBe(200)
    expect((await put(`"no", ${await tag()}`)).status).toBe(200)
    expect((await put('*')).status).toBe(200)
  })

  test('with a stale or a weak tag is 412, and changes nothing', async () => {
    const before = (await get(`/prompts/${mine.id}`)).body
    for (const match of ['"0"', `W/${await tag()}`, '"no", "other"']) {
      const { status, body } = await put(match)
      expect([match, status, body.code]).toEqual([match, 412, 'precondition.failed'])
    }
    const gone = await t.owner('DELETE', `/prompts/${mine.id}`, undefined, { 'if-match': '"0"' })
    expect(gone.status).toBe(412)
    const content = await t.owner('PUT', `/prompts/${mine.id}/content`, { content: 'stale' }, { 'if-match': '"0"' })
    expect(content.status).toBe(412)
    expect((await get(`/prompts/${mine.id}`)).body).toEqual(before)
  })

  test('of two writers who read the same, one is late', async () => {
    const match = await tag()
    const statuses = (await Promise.all([put(match), put(match)])).map(({ status }) => status)
    expect(statuses.sort()).toEqual([200, 412])
  })

  test('* of what does not exist is 404', async () => {
    expect((await t.owner('PUT', '/prompts/01900000-0000-7000-8000-000000000000', { description: 'x' }, { 'if-match': '*' })).status).toBe(
      404,
    )
  })
})

describe('the consistency token', () => {
  test('comes with every write, also with one that changes nothing or answers nothing, and with no read', async () => {
    const wrong: string[] = []
    for (const e of endpointsOf(t)) {
      const f = await makeFresh(e)
      const { status, headers } = await t.owner(e.method, withQuery(addressOf(e, f), queryOf(e, f)), bodyOf(e, f))
      const writes = e.method !== 'GET' && !e.readOnly
      if (status >= 300 || headers.has('x-consistency-token') !== writes)
        wrong.push(`${e.name}: ${status} ${headers.get('x-consistency-token')}`)
    }
    expect(wrong).toEqual([])
    for (let n = 0; n < 2; n++) {
      const same = await t.owner('PUT', `/prompts/${mine.id}`, { description: 'the same' })
      expect([same.status, same.headers.get('x-consistency-token')]).toEqual([200, expect.stringMatching(/^ps1\.[0-9a-z]+$/)])
    }
  }, 300_000)
  let fresh = 0
  /** Fixtures of a prompt of its own, so that deleting one does not spoil the next call. */
  const makeFresh = async ({ name: endpoint, path }: AnyEndpoint): Promise<Fixtures> => {
    const name = `fresh ${fresh++}`
    const { id } = (
      await t.owner('POST', '/prompts', {
        content: '{{who}}',
        category: 'fresh',
        name,
        tags: ['walked'],
        labels: ['production', 'staging'],
      })
    ).body
    await t.owner('PUT', `/prompts/${id}/content`, { content: 'Hello {{who}}' })
    await t.owner('PUT', `/prompts/${id}/labels/staging`, { version: 2 })
    if (/edaction$/.test(endpoint)) await t.owner('POST', `/prompts/${id}/versions/1/redact`, { reason: 'To be withdrawn' })
    const documentId = (await t.owner('POST', '/documents', { title: 'Fresh' })).body.id
    if (endpoint === 'documents.unlink') await t.owner('PUT', `/prompts/${id}/documents/${documentId}`, {})
    const others = path.includes('/:id') && !path.startsWith('/prompts')
    const ids = others ? await makeIds(t.owner, t.database) : mine.ids
    if (path.includes('/ab-tests/:id')) return { ...mine, ids: { ...ids, ...(await makeTests(t.owner, mine.id, mine.otherId)) } }
    if (path.startsWith('/webhooks/')) {
      const { webhooks, ...made } = await makeWebhook(t.owner, t.database)
      return { ...mine, ids: { ...ids, webhooks }, ...made }
    }
    if (path.startsWith('/bulk/operations/'))
      return { ...mine, ids: { ...ids, bulk: await aBulkOperation(t.owner, t.database, endpoint === 'bulk.cancel') } }
    const runId = /AutomationRun$/.test(endpoint) ? await aRunThatAsks(t.owner) : mine.runId
    return { ...mine, runId, id, promptId: id, ids, documentId, category: 'fresh', name }
  }

  test('grows from write to write of one caller', async () => {
    const tokens: bigint[] = []
    for (let n = 0; n < 3; n++)
      tokens.push(numberOf((await t.owner('PUT', `/prompts/${mine.id}`, { description: `${n}` })).headers.get('x-consistency-token')!))
    expect([...tokens].sort((a, b) => (a < b ? -1 : 1))).toEqual(tokens)
    expect(new Set(tokens).size).toBe(3)
  })
  const numberOf = (token: string) => [...token.slice(4)].reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n)

  test('that is none of ours is 400, on reads and on writes', async () => {
    for (const token of ['x', 'ps1.', 'ps1.A', 'ps2.1', 'ps1.-1', 'ps1.1 ', `ps1.${'z'.repeat(14)}`, 'ps1.1, ps1.2'].filter(
      (text) => text.trim() === text,
    ))
      for (const [method, path, body] of [
        ['GET', `/prompts/${mine.id}`],
        ['GET', served()],
        ['PUT', `/prompts/${mine.id}`, { description: token }],
      ] as const) {
        const answer = await t.owner(method, path, body, { 'x-consistency-token': token })
        expect([token, method, answer.status, answer.body.code]).toEqual([token, method, 400, 'consistency_token.invalid'])
      }
  })

  test('sent back to the instance that gave it is served at once', async () => {
    const put = await t.owner('PUT', `/prompts/${mine.id}`, { description: 'newest' })
    const read = await get(`/prompts/${mine.id}`, { 'x-consistency-token': put.headers.get('x-consistency-token')! })
    expect(read.body.description).toBe('newest')
  })
})
