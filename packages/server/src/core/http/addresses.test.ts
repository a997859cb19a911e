import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bootstrapKey, startTestApp, type TestApp } from '../../testing/index.ts'
import { type RawAnswer, raw } from '../testing/raw.ts'
import { addressOf, endpointsOf, type Fixtures, makeFixtures, queryOf, withQuery } from '../testing/walk.ts'

let t: TestApp
let mine: Fixtures
beforeAll(async () => {
  t = await startTestApp()
  mine = await makeFixtures(t.owner)
})
afterAll(() => t.stop())

const call = (method: string, path: string, headers: Record<string, string> = {}): Promise<RawAnswer> =>
  raw(t.url, { method, path, headers, key: bootstrapKey })
const get = (path: string) => call('GET', path)

/** A problem document (RFC 9457) with all that the contract promises. */
function expectProblem(answer: RawAnswer, expected: { status: number; code: string; instance?: string }): void {
  expect(answer.status).toBe(expected.status)
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  const problem = answer.json()
  expect(problem).toMatchObject(expected)
  for (const member of ['type', 'title', 'detail', 'instance', 'requestId']) expect(typeof problem[member]).toBe('string')
  expect(problem.type).toBe(`/docs/errors/${problem.code}`)
  expect(problem.requestId).toBe(answer.headers['x-request-id'])
  expect(problem.instance).not.toContain('?')
}

describe('addresses', () => {
  test.each([
    '/',
    '/nothing',
    '/api',
    '/api/v1',
    '/api/v1/',
    '/api/v2/prompts',
    '/api/v1/prompt',
    '//',
    '/health/',
    '/docs/errors/no.such_error',
    '/%E2%98%83',
  ])('there is nothing at %s: 404', async (path) =>
    expectProblem(await get(path), { status: 404, code: 'route.not_found', instance: path }),
  )

  test.each([
    ['DELETE', '/api/v1/prompts', 'GET, HEAD, POST'],
    ['PATCH', '/api/v1/prompts/x', 'DELETE, GET, HEAD, PUT'],
    ['POST', '/api/v1/prompts/search/a%2Fb/c', 'GET, HEAD'],
    ['GET', '/api/v1/prompts/resolve/..', undefined],
    ['POST', '/health', 'GET, HEAD'],
    ['PUT', '/metrics', 'GET, HEAD'],
    ['DELETE', '/openapi.json', 'GET, HEAD'],
    ['POST', '/docs/errors/prompt.not_found', 'GET, HEAD'],
    ['OPTIONS', '/api/v1/prompts', 'GET, HEAD, POST'],
    ['OPTIONS', '/livez', 'GET, HEAD'],
    ['TRACE', '/api/v1/prompts', 'GET, HEAD, POST'],
    ['PROPFIND', '/api/v1/prompts', 'GET, HEAD, POST'],
  ])('%s %s is answered with what the address takes: %s', async (method, path, allow) => {
    const answer = await call(method, path)
    expectProblem(
      answer,
      allow ? { status: 405, code: 'route.method_not_allowed', instance: path } : { status: 404, code: 'route.not_found' },
    )
    expect(answer.headers.allow).toBe(allow)
  })

  test('every endpoint is found by the methods that it takes and by no other', async () => {
    const methods = ['GET', 'POST', 'PUT', 'DELETE']
    const takes = new Map<string, Set<string>>()
    for (const { method, path } of endpointsOf(t)) takes.set(path, (takes.get(path) ?? new Set()).add(method))
    const wrong: string[] = []
    for (const e of endpointsOf(t))
      for (const method of methods.filter((one) => !takes.get(e.path)!.has(one))) {
        const { status, headers } = await call(method, `/api/v1${addressOf(e, mine)}`)
        const covered = coveredByAnother(method, e.path)
        if (!covered && (status !== 405 || !headers.allow?.includes(e.method))) wrong.push(`${method} ${e.path}: ${status}`)
      }
    expect(wrong).toEqual([])
  })
  /** `/prompts/categories` is also an address of `/prompts/:id`, which takes more. */
  const coveredByAnother = (method: string, path: string) =>
    endpointsOf(t).some(
      (e) => e.method === method && e.path !== path && new RegExp(`^${e.path.replace(/:[A-Za-z]+/g, '[^/]+')}$`).test(path),
    )

  test('HEAD answers as GET does, without the body', async () => {
    for (const path of [
      `/api/v1/prompts/${mine.id}`,
      '/api/v1/prompts',
      `/api/v1/prompts/search/${encodeURIComponent(mine.category)}/${encodeURIComponent(mine.name)}`,
      '/health',
      '/openapi.json',
    ]) {
      const [head, full] = [await call('HEAD', path), await get(path)]
      expect([path, head.status, head.text]).toEqual([path, 200, ''])
      for (const name of ['etag', 'content-type']) expect(head.headers[name]).toBe(full.headers[name])
    }
    expect((await call('HEAD', '/api/v1/prompts/01900000-0000-7000-8000-000000000000')).status).toBe(404)
  })

  test('names are percent-encoded: slashes, percent signs, CJK, right-to-left, emoji, spaces', async () => {
    for (const [category, name] of [
      ['a/b', '100%'],
      ['日本語', 'مرحبا'],
      ['💚', 'ä ö'],
      ['a?b', 'c#d'],
      ['%2F', '../..'],
      ['x'.repeat(200), '漢'.repeat(200)],
    ] as const) {
      expect((await t.owner('POST', '/prompts', { content: 'c', category, name })).status).toBe(201)
      const answer = await get(`/api/v1/prompts/search/${encodeURIComponent(category)}/${encodeURIComponent(name)}`)
      expect([answer.status, (JSON.parse(answer.text) as { name: string }).name]).toEqual([200, name])
    }
  })

  test.each(['/api/v1/prompts/%', '/api/v1/prompts/%zz', '/api/v1/prompts/%ff', '/api/v1/prompts/%ED%A0%80', '/%c0%af', '/docs/errors/%'])(
    'broken percent-encoding is 400: %s',
    async (path) => {
      expectProblem(await get(path), { status: 400, code: 'request.malformed' })
      expect((await get('/livez')).status).toBe(200)
    },
  )

  test('a part of 10,000 characters is no name of anything', async () => {
    const long = await get(`/api/v1/prompts/${'x'.repeat(10_000)}`)
    expect([404, 414]).toContain(long.status)
    expectProblem(long, { status: long.status, code: long.json().code })
    expectProblem(await get(`/api/v1/prompts/search/c/${'x'.repeat(201)}`), { status: 404, code: 'prompt.not_found' })
  })

  test('NUL in a path or a query is 422 with its place', async () => {
    const inPath = await get('/api/v1/prompts/category/a%00b')
    expectProblem(inPath, { status: 422, code: 'request.text_unstorable' })
    expect(inPath.json().errors?.[0]?.pointer).toBe(':category')
    const inQuery = await get('/api/v1/prompts?q=a%00b')
    expect([inQuery.status, inQuery.json().errors?.[0]?.pointer]).toEqual([422, '?q'])
  })
})

describe('queries', () => {
  test('every endpoint refuses a parameter that it does not know', async () => {
    const wrong: string[] = []
    for (const e of endpointsOf(t).filter(({ method }) => method === 'GET'))
      for (const name of ['unknown', '__proto__', 'constructor']) {
        const answer = await get(`/api/v1${withQuery(addressOf(e, mine), `${name}=1`)}`)
        if (answer.status !== 400 || answer.json().errors?.[0]?.pointer !== `?${name}`)
          wrong.push(`${e.name} ?${name}: ${answer.status} ${answer.text}`)
      }
    expect(wrong).toEqual([])
  })

  test('every list takes limits from 1, and takes more than 200 as 200', async () => {
    const lists = endpointsOf(t).filter(({ query }) => query?.properties.limit)
    expect(lists.length).toBeGreaterThan(6)
    for (const e of lists) {
      for (const limit of ['0', '-1', 'abc', '1.5', '', 'null', '1&limit=2']) {
        const answer = await get(`/api/v1${addressOf(e, mine)}?limit=${limit}`)
        expect([e.name, limit, answer.status, answer.json().errors?.[0]?.pointer]).toEqual([e.name, limit, 400, '?limit'])
      }
      for (const limit of ['1', '200', '1000', '999999999'])
        expect([e.name, (await get(`/api/v1${addressOf(e, mine)}?limit=${limit}&${queryOf(e, mine)}`)).status]).toEqual([e.name, 200])
    }
  })

  test('1,000 is clamped to 200, and the walk goes on after that', async () => {
    for (let n = 0; n < 201; n++) await t.owner('POST', '/prompts', { content: 'c', category: 'many', name: `n${n}` })
    const { items, nextCursor } = (await t.owner('GET', '/prompts/category/many?limit=1000')).body
    expect([items.length, typeof nextCursor]).toEqual([200, 'string'])
    expect((await t.owner('GET', `/prompts/category/many?cursor=${nextCursor}`)).body.items).toHaveLength(1)
  })

  test('a parameter that can stand once is refused when it stands twice, and a list of one is a list', async () => {
    const twice = await get('/api/v1/prompts?category=a&category=b')
    expect([twice.status, twice.json().errors?.[0]?.pointer]).toEqual([400, '?category'])
    expect((await get('/api/v1/prompts?tag=walked')).status).toBe(200)
    expect(JSON.parse((await get('/api/v1/prompts?tag=walked&tag=other')).text).items).toEqual([])
  })

  test.each([
    'isTemplate=yes',
    'isTemplate=',
    'deleted=1x',
    'updatedAfter=yesterday',
    'sort=size',
    'status=unknown',
    'label=Latest!',
    'version=0',
  ])('%s is 400', async (query) => {
    const path = query.startsWith('version') ? `/api/v1/prompts/${mine.id}` : '/api/v1/prompts'
    const answer = await get(`${path}?${query}`)
    expectProblem(answer, { status: 400, code: 'request.invalid' })
    expect(answer.json().errors?.[0]?.pointer).toBe(`?${query.split('=')[0]}`)
  })

  test('what stands behind the question mark is not in the problem', async () => {
    const answer = await get('/api/v1/prompts/search/no/no?var.secret=hunter2')
    expectProblem(answer, { status: 404, code: 'prompt.not_found', instance: '/api/v1/prompts/search/no/no' })
    expect(answer.text).not.toContain('hunter2')
  })
})

describe('request ids', () => {
  test.each(['abc-123', 'A'.repeat(128), '01900000-0000-7000-8000-000000000000', 'x~!@#$%^&*()'])(
    'a sane one is echoed: %s',
    async (id) => {
      for (const path of ['/api/v1/prompts', '/livez', '/nothing'])
        expect((await call('GET', path, { 'x-request-id': id })).headers['x-request-id']).toBe(id)
    },
  )

  test.each(['', 'two words', 'A'.repeat(129), 'ümlaut', 'tab\there'])('another one is replaced: %j', async (id) => {
    const { headers, json } = await call('GET', '/nothing', { 'x-request-id': Buffer.from(id).toString('latin1') })
    expect(headers['x-request-id']).toMatch(/^[0-9a-f]{32}-[0-9a-z]+$/)
    expect(json().requestId).toBe(headers['x-request-id'])
  })

  test('no two requests get the same one', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await get('/livez')).headers['x-request-id']))
    expect(new Set(ids).size).toBe(20)
  })
})
