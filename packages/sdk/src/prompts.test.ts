// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${name} is what prompts have for variables
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { bootstrapKey, startTestApp, type TestApp } from '../../server/src/testing/index.ts'
import { type Client, type ClientOptions, createClient } from './index.ts'
import { countedFetch, deadUrl } from './testing/fault-server.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

const forever = 1e9
let nth = 0
let name: string
let id: string
beforeEach(async () => {
  name = `n ${++nth}`
  id = (await t.owner('POST', '/prompts', { category: 'c', name, content: 'one {{x}}' })).body.id
})

function clientWith(options: Partial<ClientOptions> = {}): { client: Client; sent: ReturnType<typeof countedFetch>['sent'] } {
  const counted = countedFetch()
  return { client: createClient({ url: t.url, apiKey: bootstrapKey, fetch: counted.fetch, ...options }), sent: counted.sent }
}
const publish = async (content: string) => {
  const { body } = await t.owner('PUT', `/prompts/${id}/content`, { content })
  await t.owner('PUT', `/prompts/${id}/labels/production`, { version: body.version })
}

test('the first answer is from the network, the next within the freshness from the cache', async () => {
  const { client, sent } = clientWith({ freshMs: forever })
  const first = await client.prompts.get({ category: 'c', name })
  const second = await client.prompts.get({ category: 'c', name, label: 'production' })
  expect([first.source, second.source, second.content, sent.length]).toEqual(['network', 'cache', 'one {{x}}', 1])
  expect(second.prompt).toMatchObject({ id, version: 1, label: 'production' })
})

test('past the freshness the known answer is given at once, and a newer one fetched behind it', async () => {
  const { client, sent } = clientWith({ freshMs: 0, staleMs: forever })
  await client.prompts.get({ category: 'c', name })
  await publish('two')
  expect(await client.prompts.get({ category: 'c', name })).toMatchObject({ source: 'stale', content: 'one {{x}}' })
  await expect.poll(async () => (await client.prompts.get({ category: 'c', name })).content).toBe('two')
  expect(sent.length).toBeGreaterThan(1)
})

test('past both limits the service is asked first, and a 304 keeps what is known', async () => {
  const { client, sent } = clientWith({ freshMs: 0, staleMs: 0 })
  const first = await client.prompts.get({ category: 'c', name })
  const second = await client.prompts.get({ category: 'c', name })
  expect([second.source, second.content]).toEqual(['network', first.content])
  expect(sent[1]!.headers['If-None-Match']).toMatch(/^"[0-9a-f]{32}"$/)
  await publish('two')
  expect((await client.prompts.get({ category: 'c', name })).content).toBe('two')
})

test('a pinned version is asked for once', async () => {
  const { client, sent } = clientWith({ freshMs: 0, staleMs: 0 })
  await client.prompts.get({ category: 'c', name, version: 1 })
  await publish('two')
  expect(await client.prompts.get({ category: 'c', name, version: 1 })).toMatchObject({
    source: 'cache',
    content: 'one {{x}}',
    prompt: { label: null },
  })
  expect(sent.length).toBe(1)
})

test('an unset label is an error, whatever else is known or given', async () => {
  const { client } = clientWith({ freshMs: forever })
  await client.prompts.get({ category: 'c', name })
  const asked = { category: 'c', name, label: 'staging', fallback: 'mine' }
  await expect(client.prompts.get(asked)).rejects.toMatchObject({ status: 404, code: 'label.not_found' })
  await expect(client.prompts.get({ category: 'c', name, version: 9 })).rejects.toMatchObject({ code: 'version.not_found' })
  await expect(client.prompts.get({ category: 'c', name, label: 'x', version: 1 })).rejects.toThrow('not for both')
})

test('a label that is taken away ends what the cache answers once it has heard of it', async () => {
  const { client } = clientWith({ freshMs: 0, staleMs: 0 })
  await client.prompts.get({ category: 'c', name })
  await t.owner('DELETE', `/prompts/${id}/labels/production`)
  await expect(client.prompts.get({ category: 'c', name, fallback: 'mine' })).rejects.toMatchObject({ code: 'label.not_found' })
})

test('a prompt that does not exist is answered by the fallback, if there is one', async () => {
  const { client } = clientWith()
  const wanted = { category: 'c', name: 'no such', variables: { who: 'Ada' } }
  await expect(client.prompts.get(wanted)).rejects.toMatchObject({ code: 'prompt.not_found' })
  const answer = await client.prompts.get({ ...wanted, fallback: 'Hi {{who}}, {{else}}' })
  expect(answer).toMatchObject({ source: 'fallback', content: 'Hi Ada, {{else}}', prompt: null, cause: { code: 'prompt.not_found' } })
})

test('many who ask at once cost one request', async () => {
  const { client, sent } = clientWith()
  const answers = await Promise.all(Array.from({ length: 50 }, () => client.prompts.get({ category: 'c', name })))
  expect([new Set(answers.map(({ content }) => content)).size, sent.length]).toEqual([1, 1])
})

test('after a write of its own the cache answers nothing older', async () => {
  const { client } = clientWith({ freshMs: forever })
  const get = () => client.prompts.get({ category: 'c', name })
  for (let n = 2; n < 12; n++) {
    await get()
    const { version } = await client.request('PUT', '/prompts/{id}/content', { path: { id }, body: { content: `text ${n}` } })
    await client.request('PUT', '/prompts/{id}/labels/{label}', { path: { id, label: 'production' }, body: { version } })
    expect(await get()).toMatchObject({ source: 'network', content: `text ${n}` })
  }
  await client.request('DELETE', '/prompts/{id}', { path: { id } })
  await expect(get()).rejects.toMatchObject({ code: 'prompt.not_found' })
})

test('a write to one prompt leaves the others in the cache, and reaches those that include it', async () => {
  const { client, sent } = clientWith({ freshMs: forever })
  await client.request('POST', '/prompts', { body: { category: 'c', name: `outer ${nth}`, content: `{{> c/${name}}}` } })
  const other = (await t.owner('POST', '/prompts', { category: 'c', name: `other ${nth}`, content: 'other' })).body
  await client.prompts.get({ category: 'c', name: `outer ${nth}` })
  await client.prompts.get({ category: 'c', name: other.name })
  await client.request('PUT', '/prompts/{id}', { path: { id }, body: { description: 'changed' } })
  const before = sent.length
  expect((await client.prompts.get({ category: 'c', name: other.name })).source).toBe('cache')
  expect((await client.prompts.get({ category: 'c', name: `outer ${nth}` })).source).toBe('network')
  expect(sent.length - before).toBe(1)
})

test('variables are filled by the service, and never get into an address', async () => {
  const { client, sent } = clientWith({ freshMs: forever })
  const ada = await client.prompts.get({ category: 'c', name, variables: { x: 'Ada' } })
  expect([ada.content, ada.prompt!.content]).toEqual(['one Ada', 'one {{x}}'])
  expect((await client.prompts.get({ category: 'c', name, variables: { x: 'Bob' } })).content).toBe('one Bob')
  expect((await client.prompts.get({ category: 'c', name, variables: { x: 'Ada' }, fallback: 'f' })).source).toBe('cache')
  expect((await client.prompts.get({ category: 'c', name, unitId: 'user-1' })).content).toBe('one {{x}}')
  expect(sent.map(({ path }) => path)).toEqual(Array(3).fill('/api/v1/prompts/resolve'))
  await expect(client.prompts.get({ category: 'c', name, variables: {}, fallback: 'f' })).rejects.toMatchObject({
    code: 'variables.invalid',
  })
})

test('names of every kind are found, also those that an address cannot hold', async () => {
  const { client } = clientWith()
  for (const odd of ['..', '.', 'a/b?c#d%2F', '提示 ✨', ' spaced ']) {
    await t.owner('POST', '/prompts', { category: odd, name: odd, content: `this is ${odd}` })
    expect((await client.prompts.get({ category: odd, name: odd })).content).toBe(`this is ${odd}`)
  }
})

test('the cache is bounded', async () => {
  const { client, sent } = clientWith({ freshMs: forever, cacheSize: 2000 })
  for (let n = 0; n < 8; n++) {
    await t.owner('POST', '/prompts', { category: 'bounded', name: `${n}`, content: 'x'.repeat(500) })
    await client.prompts.get({ category: 'bounded', name: `${n}` })
  }
  expect((await client.prompts.get({ category: 'bounded', name: '7' })).source).toBe('cache')
  expect((await client.prompts.get({ category: 'bounded', name: '0' })).source).toBe('network')
  expect(sent.length).toBe(9)
})

test('what the client fills while the service is away is what the service would answer', async () => {
  const online = clientWith().client
  const nobody = await deadUrl()
  const cases: [string, Record<string, unknown>, boolean][] = [
    ['Hi {{name}}, {{ name }}!', { name: '$& {{name}} <b>' }, true],
    ['{{größe}} {x} ${y}', { größe: 'XL' }, true],
    ['no tags', { a: 1 }, true],
    ['{{a}}', { a: 5 }, false],
    ['{{#s}}x{{/s}}', { s: true }, false],
    ['{{a.b}}', { a: { b: 'c' } }, false],
    ['{{{raw}}}', { raw: 'r' }, false],
    ['{{missing}}', {}, false],
  ]
  for (const [i, [content, variables, fillable]] of cases.entries()) {
    const made = await t.owner('POST', '/prompts', { category: 'fill', name: `${nth} ${i}`, content })
    const filled = await online.prompts.get({ category: 'fill', name: made.body.name, variables }).catch(() => undefined)
    let plugged = true
    const { client } = clientWith({ freshMs: 0, staleMs: 0, fetch: (input, init) => fetch(plugged ? input : nobody, init) })
    await client.prompts.get({ category: 'fill', name: made.body.name })
    plugged = false
    const offline = await client.prompts.get({ category: 'fill', name: made.body.name, variables, fallback: 'mine' })
    expect([content, offline.content, offline.source]).toEqual([
      content,
      fillable ? filled!.content : 'mine',
      fillable ? 'stale' : 'fallback',
    ])
  }
})
