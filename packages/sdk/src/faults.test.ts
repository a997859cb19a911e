import { spawn } from 'node:child_process'
import { afterEach, expect, test } from 'vitest'
import { bootstrapKey, startTestApp } from '../../server/src/testing/index.ts'
import { type ClientOptions, createClient } from './index.ts'
import { deadUrl, type FaultServer, sendJson, servedPrompt, startFaultServer } from './testing/fault-server.ts'

let server: FaultServer
afterEach(() => server?.stop())

const wanted = { category: 'c', name: 'n' }
const clientOf = (options: Partial<ClientOptions> = {}) => createClient({ url: server.url, ...options })
const busy = { code: 'service.unavailable', detail: 'Not now.', status: 503 }

test('a read is tried again after a failure that may pass', async () => {
  server = await startFaultServer((response, _request, n) =>
    n < 3 ? sendJson(response, n === 1 ? 503 : 429, busy, { 'retry-after': '0' }) : sendJson(response, 200, { ok: true }),
  )
  expect(await clientOf().request('GET', '/cache/stats')).toEqual({ ok: true })
  expect(server.seen.length).toBe(3)
})

test('a write is tried again under the same Idempotency-Key, also when the connection broke', async () => {
  server = await startFaultServer((response, _request, n) => (n < 3 ? response.destroy() : sendJson(response, 201, { id: 'x' })))
  await clientOf().request('POST', '/prompts', { body: { content: 'once' } })
  const keys = server.seen.map(({ headers }) => headers['idempotency-key'])
  expect([keys.length, new Set(keys).size, new Set(server.seen.map(({ body }) => body)).size]).toEqual([3, 1, 1])
})

test('a write without a key goes out once', async () => {
  server = await startFaultServer((response) => sendJson(response, 503, busy, { 'retry-after': '0' }))
  await expect(clientOf().request('POST', '/prompts', { body: { content: 'x' }, idempotencyKey: false })).rejects.toMatchObject({
    status: 503,
  })
  expect(server.seen.length).toBe(1)
})

test('a running first request is waited for', async () => {
  server = await startFaultServer((response, _request, n) =>
    n === 1 ? sendJson(response, 409, { code: 'idempotency.in_progress' }, { 'retry-after': '0' }) : sendJson(response, 201, {}),
  )
  await clientOf().request('POST', '/prompts', { body: { content: 'x' } })
  expect(server.seen.length).toBe(2)
})

test('a refusal is told at once', async () => {
  server = await startFaultServer((response) => sendJson(response, 409, { code: 'prompt.name_taken', detail: 'Taken.' }))
  await expect(clientOf().request('POST', '/prompts', { body: { content: 'x' } })).rejects.toMatchObject({
    code: 'prompt.name_taken',
    detail: 'Taken.',
  })
  expect(server.seen.length).toBe(1)
})

test('a service that asks for a longer wait than the caller has is not waited for', async () => {
  const at = new Date(Date.now() + 3_600_000).toUTCString()
  server = await startFaultServer((response, _request, n) => sendJson(response, 503, busy, { 'retry-after': n === 1 ? '3600' : at }))
  const client = clientOf()
  await expect(client.request('GET', '/prompts')).rejects.toMatchObject({ status: 503, retryAfterMs: 3_600_000 })
  await expect(client.request('GET', '/prompts')).rejects.toSatisfy((error: { retryAfterMs: number }) => error.retryAfterMs > 3_500_000)
  expect(server.seen.length).toBe(2)
})

test('what is not of the service is still told plainly', async () => {
  server = await startFaultServer((response, _request, n) => response.writeHead(n === 1 ? 502 : 200).end('<html>proxy</html>'))
  const client = clientOf({ retries: 0 })
  await expect(client.request('GET', '/prompts')).rejects.toMatchObject({
    code: 'http.502',
    detail: 'The answer was 502 Bad Gateway',
    isOutage: true,
  })
  await expect(client.request('GET', '/prompts')).rejects.toMatchObject({ code: 'response.unreadable', isOutage: true })
})

test('a service that does not answer is given up after the timeout, and one that is not there is named', async () => {
  server = await startFaultServer(() => undefined)
  await expect(clientOf({ timeoutMs: 3_000, retries: 1 }).request('GET', '/prompts')).rejects.toMatchObject({
    status: 0,
    code: 'network.timeout',
  })
  expect(server.seen.length).toBe(2)
  const url = await deadUrl()
  await expect(createClient({ url, retries: 0 }).request('GET', '/prompts')).rejects.toMatchObject({
    code: 'network.unreachable',
    detail: `${url} cannot be reached (ECONNREFUSED). Is the service running there?`,
  })
})

test('a caller breaks off its call, and close breaks off all, also while they wait to try again', async () => {
  const url = await deadUrl()
  server = await startFaultServer(() => undefined)
  const [client, waiting] = [clientOf(), createClient({ url, retries: 50, maxWaitMs: 1e9 })]
  const stop = new AbortController()
  const calls = [
    client.request('GET', '/prompts', { signal: stop.signal }),
    client.request('GET', '/prompts'),
    waiting.request('GET', '/prompts'),
  ]
  const outcomes = Promise.all(calls.map((call) => call.catch((error) => error.code)))
  await expect.poll(() => server.seen.length).toBe(2)
  stop.abort()
  await client.close()
  await waiting.close()
  expect(await outcomes).toEqual(Array(3).fill('request.aborted'))
})

test('after a failure the service is left alone, and what is known answers', async () => {
  let up = true
  server = await startFaultServer((response) =>
    up ? sendJson(response, 200, servedPrompt('known')) : sendJson(response, 500, { code: 'internal', detail: 'Broken.' }),
  )
  const client = clientOf({ freshMs: 0, staleMs: 0, cooldownMs: 1e9 })
  await client.prompts.get(wanted)
  up = false
  expect(await client.prompts.get(wanted)).toMatchObject({ source: 'stale', content: 'known', cause: { code: 'internal' } })
  for (let n = 0; n < 20; n++) expect((await client.prompts.get(wanted)).source).toBe('stale')
  expect(await client.prompts.get({ ...wanted, name: 'other', fallback: 'mine' })).toMatchObject({ source: 'fallback', content: 'mine' })
  await expect(client.prompts.get({ ...wanted, name: 'other' })).rejects.toMatchObject({ code: 'internal' })
  expect(server.seen.length).toBe(2)
})

test('when the cool-down is over the service is asked again', async () => {
  server = await startFaultServer((response, _request, n) =>
    n === 1 ? sendJson(response, 503, busy, { 'retry-after': '0' }) : sendJson(response, 200, servedPrompt('back')),
  )
  const client = clientOf({ cooldownMs: 1e9 })
  expect((await client.prompts.get({ ...wanted, fallback: 'mine' })).source).toBe('fallback')
  expect(await client.prompts.get({ ...wanted, fallback: 'mine' })).toMatchObject({ source: 'network', content: 'back' })
})

test('a failing refresh in the background costs nobody an answer', async () => {
  let up = true
  server = await startFaultServer((response) => (up ? sendJson(response, 200, servedPrompt('known')) : response.destroy()))
  const client = clientOf({ freshMs: 0, staleMs: 1e9, cooldownMs: 1e9 })
  await client.prompts.get(wanted)
  up = false
  expect(await client.prompts.get(wanted)).toMatchObject({ source: 'stale', content: 'known' })
  await expect.poll(async () => (await client.prompts.get(wanted)).cause?.code).toBe('network.unreachable')
  expect(server.seen.length).toBe(2)
})

test('what may not be kept is not kept, and what the service calls stale is called so', async () => {
  server = await startFaultServer((response, { path }) =>
    sendJson(
      response,
      200,
      servedPrompt(path),
      path.includes('late') ? { 'x-prompt-stale': 'true', age: '30' } : { 'cache-control': 'no-store' },
    ),
  )
  const client = clientOf({ freshMs: 1e9 })
  await client.prompts.get(wanted)
  expect((await client.prompts.get(wanted)).source).toBe('network')
  const late = await client.prompts.get({ ...wanted, name: 'late' })
  expect(late.source).toBe('stale')
  expect(late.ageMs).toBeGreaterThanOrEqual(30_000)
  expect((await client.prompts.get({ ...wanted, name: 'late' })).source).toBe('stale')
})

test('an answer that was asked for before a write is not kept over one that was asked for after it', async () => {
  const held: (() => void)[] = []
  server = await startFaultServer((response, { method }, n) => {
    if (method === 'PUT') return sendJson(response, 200, {}, { 'x-consistency-token': 'ps1.a' })
    if (n === 1) held.push(() => sendJson(response, 200, servedPrompt('old')))
    else sendJson(response, 200, servedPrompt('new'))
  })
  const client = clientOf({ freshMs: 1e9 })
  const before = client.prompts.get(wanted)
  await expect.poll(() => held.length).toBe(1)
  await client.request('PUT', '/prompts/{id}/content', { path: { id: servedPrompt('').id }, body: { content: 'new' } })
  expect(await client.prompts.get(wanted)).toMatchObject({ source: 'network', content: 'new' })
  held[0]!()
  expect((await before).content).toBe('old')
  expect(await client.prompts.get(wanted)).toMatchObject({ source: 'cache', content: 'new' })
})

test('a write whose outcome is not known outdates what it may have changed, and nothing older is given for it', async () => {
  let up = true
  server = await startFaultServer((response) => (up ? sendJson(response, 200, servedPrompt('before')) : response.destroy()))
  const client = clientOf({ freshMs: 1e9, retries: 0 })
  await client.prompts.get(wanted)
  up = false
  await expect(
    client.request('PUT', '/prompts/{id}/content', { path: { id: servedPrompt('').id }, body: { content: 'x' } }),
  ).rejects.toMatchObject({ status: 0 })
  await expect(client.prompts.get(wanted)).rejects.toMatchObject({ code: 'network.unreachable' })
  up = true
})

test('the real service goes away: what is known goes on being served, and the fallback for the rest', async () => {
  const t = await startTestApp()
  await t.owner('POST', '/prompts', { ...wanted, content: 'Hi {{who}}' })
  const client = createClient({ url: t.url, apiKey: bootstrapKey, freshMs: 0, staleMs: 0 })
  await client.prompts.get(wanted)
  await t.stop()
  expect(await client.prompts.get(wanted)).toMatchObject({ source: 'stale', content: 'Hi {{who}}', cause: { code: 'network.unreachable' } })
  expect(await client.prompts.get({ ...wanted, variables: { who: 'Ada' } })).toMatchObject({ source: 'stale', content: 'Hi Ada' })
  expect(await client.prompts.get({ category: 'c', name: 'unknown', fallback: [{ role: 'user', content: 'Hi' }] })).toMatchObject({
    source: 'fallback',
    content: [{ role: 'user', content: 'Hi' }],
  })
  await client.close()
})

test('a process that has asked for a prompt, and refreshes it, ends by itself without close', async () => {
  server = await startFaultServer((response) => sendJson(response, 200, servedPrompt('x')))
  const script = `
    import { createClient } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    const client = createClient({ url: process.argv[1], freshMs: 0, snapshotPath: process.argv[2], warn: () => undefined })
    await client.prompts.get({ category: 'c', name: 'n' })
    console.log((await client.prompts.get({ category: 'c', name: 'n' })).source)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, server.url, '/nonexistent/snapshot.json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect([code, out.trim()]).toEqual([0, 'stale'])
})
