import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootstrapKey, startTestApp, type TestApp } from '../../server/src/testing/index.ts'
import { type Client, createClient, PromptStoreError } from './index.ts'
import { countedFetch } from './testing/fault-server.ts'

let t: TestApp
let client: Client
const counted = countedFetch()
beforeAll(async () => {
  t = await startTestApp()
  client = createClient({ url: `${t.url}/`, apiKey: bootstrapKey, fetch: counted.fetch })
})
afterAll(async () => {
  await client.close()
  await t.stop()
})
const failureOf = (promise: Promise<unknown>): Promise<PromptStoreError> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error) => error,
  )

test('a request is typed by method and path, and answers the data of the reply', async () => {
  const made = await client.request('POST', '/prompts', { body: { content: 'Hello {{name}}', category: 'a/b', name: 'greet % it' } })
  const read = await client.request('GET', '/prompts/{id}', { path: { id: made.id }, query: { version: 1 } })
  expect(read.content).toBe('Hello {{name}}')
  // @ts-expect-error a path that does not exist
  await expect(client.request('GET', '/nothing')).rejects.toMatchObject({ status: 404, code: 'route.not_found' })
  // @ts-expect-error a body that the contract does not know
  await expect(client.request('POST', '/prompts', { body: { contents: 'x' } })).rejects.toMatchObject({ status: 400 })
})

test('a problem document becomes an error with status, code, detail, fields and request id', async () => {
  const failure = await failureOf(client.request('POST', '/prompts', { body: { content: '{{#open}}', engine: 'mustache' } }))
  expect(failure).toBeInstanceOf(PromptStoreError)
  expect(failure).toMatchObject({ name: 'PromptStoreError', status: 422, code: 'template.invalid', isOutage: false })
  expect(failure.errors[0]).toMatchObject({ pointer: '/content', code: 'template.invalid' })
  expect(failure.requestId).toMatch(/^[!-~]{8,}$/)
  expect(failure.message).toBe(`template.invalid: ${failure.detail}`)
})

test('a wrong key is told as such', async () => {
  const stranger = createClient({ url: t.url, apiKey: 'wrong' })
  await expect(stranger.request('GET', '/prompts')).rejects.toMatchObject({ status: 401, code: 'auth.required' })
  await stranger.close()
})

test('a delete answers undefined, and an exchange also shows status and headers', async () => {
  const made = await client.exchange('POST', '/prompts', { body: { content: 'to go' } })
  expect([made.status, made.headers.get('location')]).toEqual([201, `/api/v1/prompts/${made.data.id}`])
  expect(await client.request('DELETE', '/prompts/{id}', { path: { id: made.data.id } })).toBeUndefined()
})

test('ifMatch refuses a change of what has changed meanwhile', async () => {
  const { id } = await client.request('POST', '/prompts', { body: { content: 'one' } })
  await client.request('PUT', '/prompts/{id}', { path: { id }, body: { description: 'x' }, ifMatch: '1' })
  await expect(client.request('PUT', '/prompts/{id}', { path: { id }, body: { description: 'y' }, ifMatch: '1' })).rejects.toMatchObject({
    status: 412,
  })
})

test('a list is walked to its end, over pages, with its filters', async () => {
  for (let n = 0; n < 5; n++)
    await client.request('POST', '/prompts', { body: { content: `${n}`, category: 'walk', name: `w${n}`, tags: ['x', 'y'] } })
  await client.request('POST', '/prompts', { body: { content: 'other', category: 'walk', name: 'other', tags: ['x'] } })
  const names: string[] = []
  const before = counted.sent.length
  for await (const item of client.paginate('/prompts', { query: { category: 'walk', tag: ['x', 'y'], sort: 'name', limit: 2 } }))
    names.push(item.name)
  expect(names).toEqual(['w0', 'w1', 'w2', 'w3', 'w4'])
  expect(counted.sent.length - before).toBe(3)
})

test('every write has an Idempotency-Key of its own, and the caller may choose or leave it', async () => {
  const keyOf = () => counted.sent.at(-1)!.headers['Idempotency-Key']
  await client.request('POST', '/prompts', { body: { content: 'k1' } })
  const first = keyOf()
  await client.request('POST', '/prompts', { body: { content: 'k2' } })
  expect(first).toMatch(/^[0-9a-f-]{36}$/)
  expect(keyOf()).not.toBe(first)
  const once = await client.request('POST', '/prompts', { body: { content: 'k3' }, idempotencyKey: 'mine' })
  const again = await client.exchange('POST', '/prompts', { body: { content: 'k3' }, idempotencyKey: 'mine' })
  expect([again.data.id, again.headers.get('idempotency-replayed')]).toEqual([once.id, 'true'])
  await client.request('POST', '/prompts', { body: { content: 'k4' }, idempotencyKey: false })
  expect(keyOf()).toBeUndefined()
})

test('reads carry the consistency token of the last write', async () => {
  const writer = countedFetch()
  const fresh = createClient({ url: t.url, apiKey: bootstrapKey, fetch: writer.fetch })
  await fresh.request('GET', '/prompts')
  expect(writer.sent.at(-1)!.headers['X-Consistency-Token']).toBeUndefined()
  const { headers } = await fresh.exchange('POST', '/prompts', { body: { content: 'token' } })
  await fresh.request('GET', '/prompts')
  expect(writer.sent.at(-1)!.headers['X-Consistency-Token']).toBe(headers.get('x-consistency-token'))
  expect(headers.get('x-consistency-token')).toMatch(/^ps1\./)
  await fresh.close()
})

test('a name that cannot stand in a path is refused before anything is sent', async () => {
  await expect(client.request('GET', '/prompts/category/{category}', { path: { category: '..' } })).rejects.toThrow(
    'cannot stand in a path',
  )
  await expect(client.request('GET', '/prompts/{id}', { path: { id: '' } })).rejects.toThrow('"id" is needed')
})
