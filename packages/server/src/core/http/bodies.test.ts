import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bootstrapKey, startTestApp, type TestApp } from '../../testing/index.ts'
import type { AnyEndpoint } from '../endpoint.ts'
import { type RawAnswer, raw } from '../testing/raw.ts'
import { addressOf, bodyOf, endpointsOf, type Fixtures, makeFixtures } from '../testing/walk.ts'

let t: TestApp
let takers: readonly AnyEndpoint[]
let mine: Fixtures
beforeAll(async () => {
  t = await startTestApp()
  takers = endpointsOf(t).filter(({ body }) => body)
  mine = await makeFixtures(t.owner, t.database)
})
afterAll(() => t.stop())

const json = { 'content-type': 'application/json' }
const send = (e: AnyEndpoint, body: string | Buffer | undefined, headers: Record<string, string> = json): Promise<RawAnswer> =>
  raw(t.url, { method: e.method, path: `/api/v1${addressOf(e, mine)}`, headers, key: bootstrapKey, ...(body !== undefined && { body }) })

/** Where the first text of a value is. */
function textIn(value: unknown, path: readonly string[] = []): readonly string[] | undefined {
  if (typeof value === 'string') return path
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, child] of Object.entries(value)) {
    const found = textIn(child, [...path, key])
    if (found) return found
  }
  return undefined
}

/** The endpoint's body with its first text replaced, and where that is. */
function spoilt(e: AnyEndpoint, replacement: unknown): { body: string; pointer: string } {
  const body = bodyOf(e, mine)!
  const path = textIn(body)
  if (!path) throw new Error(`${e.name}: give its body in core/testing/walk.ts a text`)
  let parent = body
  for (const part of path.slice(0, -1)) parent = parent[part] as Record<string, unknown>
  parent[path.at(-1)!] = replacement
  return { body: JSON.stringify(body), pointer: `/${path.join('/')}` }
}

/** Send the same kind of nonsense to every endpoint that takes a body, and list who did not answer as expected. */
async function everyTaker(
  nonsense: (e: AnyEndpoint) => Promise<RawAnswer>,
  expected: { status: number; code: string },
  more: (answer: RawAnswer, e: AnyEndpoint) => boolean = () => true,
  among: readonly AnyEndpoint[] = takers,
) {
  const wrong: string[] = []
  for (const e of among) {
    const answer = await nonsense(e)
    const { status, headers, text } = answer
    const fits =
      status === expected.status &&
      headers['content-type'] === 'application/problem+json; charset=utf-8' &&
      answer.json().code === expected.code &&
      more(answer, e)
    if (!fits) wrong.push(`${e.name}: ${status} ${text.slice(0, 300)}`)
  }
  expect(wrong).toEqual([])
}

/** All of them but those whose body holds numbers alone. */
const withText = () => takers.filter(({ name }) => !['relationships.setStrength', 'webhooks.rotateSecret'].includes(name))
/** There an item that is wrong is its own problem. */
const itemByItem = ({ name }: AnyEndpoint) => ['bulk.create', 'bulk.update'].includes(name)

/** All of them but measurements, which keep unknown fields and say so. */
const strictTakers = () => takers.filter(({ load }) => load !== 'measurement')

describe('every endpoint that takes a body', () => {
  test('there are some, and their bodies in the walk are accepted', async () => {
    expect(takers.length).toBeGreaterThan(10)
    const wrong: string[] = []
    for (const e of takers) {
      const { status, text } = await send(e, JSON.stringify(bodyOf(e, mine)))
      if (status >= 300) wrong.push(`${e.name}: ${status} ${text}`)
    }
    expect(wrong).toEqual([])
  })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/xml',
    'application/problem+json',
    'multipart/form-data; boundary=x',
    'nonsense',
  ])('refuses %s with 415', (type) =>
    everyTaker((e) => send(e, JSON.stringify(bodyOf(e, mine)), { 'content-type': type }), { status: 415, code: 'request.media_type' }),
  )

  test('refuses a body without a content type with 415', () =>
    everyTaker((e) => send(e, JSON.stringify(bodyOf(e, mine)), {}), { status: 415, code: 'request.media_type' }))

  test.each(['gzip', 'br', 'GZIP, identity'])('refuses Content-Encoding: %s with 415 that says so', (encoding) =>
    everyTaker(
      (e) => send(e, 'zipped', { ...json, 'content-encoding': encoding }),
      { status: 415, code: 'request.media_type' },
      (answer) => answer.text.includes('Content-Encoding'),
    ),
  )

  test.each(['{', '{"a":1,}', "{'a':1}", 'undefined', '{"a":01}', '\uFEFF{}', '{"a":"\u0001"}', '{} {}'])(
    'refuses the malformed JSON %j with 400',
    (text) => everyTaker((e) => send(e, text), { status: 400, code: 'request.malformed' }),
  )

  test('refuses invalid UTF-8 with 400', () =>
    everyTaker((e) => send(e, Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])), { status: 400, code: 'request.malformed' }))

  test('refuses an unknown field with 400 and its pointer', () =>
    everyTaker(
      (e) => send(e, JSON.stringify({ ...bodyOf(e, mine), 'an/unknown~field': 1 })),
      { status: 400, code: 'request.invalid' },
      (answer) => answer.json().errors?.[0]?.pointer === '/an~1unknown~0field',
      strictTakers(),
    ))

  test.each(['__proto__', 'constructor', 'toString'])('refuses the unknown field %s like any other', (name) =>
    everyTaker(
      (e) => send(e, `{${JSON.stringify(name)}:{"polluted":true},${JSON.stringify(bodyOf(e, mine)).slice(1)}`),
      { status: 400, code: 'request.invalid' },
      (answer) => answer.json().errors?.[0]?.pointer === `/${name}` && !('polluted' in {}),
      strictTakers(),
    ),
  )

  test.each([5, true, null, { a: 1 }])('takes nothing for a text but a text: %j is 400 with its pointer', (value) =>
    everyTaker(
      (e) => (acceptsNull(e) && value === null ? send(e, '[]') : send(e, spoilt(e, value).body)),
      { status: 400, code: 'request.invalid' },
      (answer, e) =>
        (acceptsNull(e) && value === null) ||
        Boolean(answer.json().errors?.some(({ pointer }) => pointer.startsWith(spoilt(e, value).pointer))),
      withText().filter((e) => !itemByItem(e)),
    ),
  )
  /** There `null` clears the field. */
  const acceptsNull = ({ name }: AnyEndpoint) => name === 'prompts.update'

  test.each([
    ['a NUL', 'a\0b'],
    ['half of a surrogate pair', 'a\ud800b'],
    ['the other half', '\udfff'],
  ])('refuses %s with 422 and the pointer', (_, text) =>
    everyTaker(
      (e) => send(e, spoilt(e, text).body),
      { status: 422, code: 'request.text_unstorable' },
      (answer, e) => answer.json().errors?.[0]?.pointer === spoilt(e, text).pointer,
      withText(),
    ),
  )

  test('refuses a NUL in the name of a field, too', () =>
    everyTaker(
      (e) => send(e, '{"a\\u0000b":1}'),
      { status: 422, code: 'request.text_unstorable' },
      (answer) => answer.json().errors?.[0]?.pointer === '/a\0b',
    ))

  test.each([
    ['arrays', '[', ']'],
    ['objects', '{"a":', '1}'],
  ])('refuses 100,000 nested %s with 422 and lives on', async (_, open, close) => {
    const deep = open.repeat(100_000) + (open === '[' ? close.repeat(100_000) : `1${'}'.repeat(100_000)}`)
    await everyTaker((e) => send(e, deep), { status: 422, code: 'request.nesting_too_deep' })
    expect((await t.anonymous('GET', '//livez')).status).toBe(200)
  })

  test.each(['[]', '"text"', '5', 'null', 'true'])('takes no %s for an object', (text) =>
    everyTaker((e) => send(e, text), { status: 400, code: 'request.invalid' }),
  )

  test('answers 400 to no body, and to an empty one, where something in it is needed', async () => {
    const needy = takers.filter(({ body }) => (body as { required?: string[] }).required?.length)
    expect(needy.map(({ name }) => name)).toEqual(expect.arrayContaining(['prompts.create', 'prompts.resolve', 'prompts.setLabel']))
    for (const e of needy)
      for (const answer of [await send(e, undefined, {}), await send(e, undefined), await send(e, '')])
        expect([e.name, answer.status, answer.json().code]).toEqual([e.name, 400, 'request.invalid'])
  })

  test('refuses one byte more than it takes with 413, and takes the last byte', async () => {
    const wrong: string[] = []
    for (const e of takers) {
      const limit = e.bodyLimit ?? 1024 * 1024
      const over = await send(e, padded(limit + 1))
      const full = await send(e, padded(limit))
      if (over.status !== 413 || over.json().code !== 'request.too_large' || full.status !== 400)
        wrong.push(`${e.name}: ${over.status} ${full.status}`)
    }
    expect(wrong).toEqual([])
    expect(takers.filter(({ bodyLimit }) => bodyLimit === undefined).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['prompts.setLabel', 'cache.invalidate']),
    )
  })
  const padded = (bytes: number) => `{"pad":"${'x'.repeat(bytes - 10)}"}`

  test('is admitted before its body is read: a stranger gets 401 whatever it sends', async () => {
    for (const e of takers) {
      const { status } = await raw(t.url, { method: e.method, path: `/api/v1${addressOf(e, mine)}`, headers: json, body: '{' })
      expect([e.name, status]).toEqual([e.name, 401])
    }
  })
})

describe('an endpoint that takes no body', () => {
  const without = () => endpointsOf(t).filter(({ body, method }) => !body && method !== 'GET')

  test('refuses what it does not know rather than to ignore it', async () => {
    expect(without().map(({ name }) => name)).toEqual(expect.arrayContaining(['prompts.restore', 'prompts.delete']))
    for (const e of without()) {
      const answer = await send(e, '{"force":true}')
      expect([e.name, answer.status, answer.json().errors?.[0]?.pointer]).toEqual([e.name, 400, '/force'])
    }
  })

  test('takes an empty object for nothing', async () => {
    const restore = without().find(({ name }) => name === 'prompts.restore')!
    expect((await send(restore, '{}')).status).toBe(200)
  })

  test('a body on GET changes nothing about the answer', async () => {
    const { status, text } = await raw(t.url, {
      path: '/api/v1/prompts?limit=1',
      headers: json,
      body: '{"limit":"nonsense"}',
      key: bootstrapKey,
    })
    expect([status, JSON.parse(text).items.length]).toEqual([200, 1])
  })
})

describe('names of the prototype', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString']

  test('come back unharmed as variables, tags, metadata and config, and pollute nothing', async () => {
    const free = JSON.parse(`{${names.map((name) => `"${name}":{"polluted":"${name}"}`).join()}}`)
    const sent = {
      content: names.map((name) => `{{${name}}}`).join(' '),
      tags: names,
      metadata: free,
      config: free,
      category: '__proto__',
      name: 'constructor',
    }
    const made = await t.owner('POST', '/prompts', sent)
    expect(made.status).toBe(201)
    const read = (await t.owner('GET', `/prompts/${made.body.id}`)).body
    const served = (await t.owner('GET', '/prompts/search/__proto__/constructor')).body
    for (const answer of [made.body, read, served]) {
      for (const found of [answer.metadata, answer.config]) expect(ownEntries(found)).toEqual(ownEntries(free))
      expect([...answer.tags].sort()).toEqual([...names].sort())
      expect(answer.variables.map(({ name }: { name: string }) => name).sort()).toEqual([...names].sort())
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  const ownEntries = (value: object) =>
    Object.entries(value)
      .map(([key, child]) => `${key} ${JSON.stringify(child)}`)
      .sort()

  test('are filled from what the caller sends, never from the prototype', async () => {
    const { body } = await t.owner('POST', '/prompts', { content: '[{{constructor}}|{{toString}}]', category: 'proto', name: 'fill' })
    const values = { constructor: 'b', toString: 'c' }
    expect((await t.owner('POST', `/prompts/${body.id}/render`, { variables: values })).body.text).toBe('[b|c]')
    expect((await t.owner('GET', '/prompts/search/proto/fill?var.constructor=b&var.toString=c')).body.rendered).toBe('[b|c]')
    const missing = await t.owner('POST', `/prompts/${body.id}/render`, { variables: {} })
    expect([missing.status, missing.body.errors.length]).toEqual([422, 2])
  })

  test('find prompts by tag and category like any other name', async () => {
    expect((await t.owner('GET', '/prompts?tag=constructor&category=__proto__')).body.items).toHaveLength(1)
    expect((await t.owner('GET', '/prompts/tags/__proto__')).body.items).toHaveLength(1)
  })
})
