import { createPublicKey, verify } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { aKey } from '../access/testing/rights-kit.ts'
import { aPrompt, aReceiver, aWebhook, webhookApp } from './testing/webhook-kit.ts'

let t: Awaited<ReturnType<typeof webhookApp>>
/** As an installation that others reach: loopback is closed. */
let strict: TestApp
beforeAll(async () => {
  t = await webhookApp()
  strict = await startTestApp()
})
afterAll(() => Promise.all([t.stop(), strict.stop()]))

const url = 'https://[3000::1]/in'
const valid = { name: 'a', url, events: ['prompt.*'] }
const make = (fields: object = {}) => t.owner('POST', '/webhooks', { ...valid, ...fields })

describe('a webhook', () => {
  test('is made with a secret that is told once, and read without it', async () => {
    const made = await make({ headers: { 'X-Token': 'sesame', Authorization: 'Bearer sesame' } })
    expect(made.status).toBe(201)
    expect(made.body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(made.headers.get('location')).toBe(`/api/v1/webhooks/${made.body.id}`)
    const read = await t.owner('GET', `/webhooks/${made.body.id}`)
    expect(read.body).toMatchObject({ ...valid, active: true, timeoutMs: 10_000, retrySchedule: null, signing: 'v1', revision: 1 })
    expect(read.body.headers).toEqual({ 'x-token': '***', authorization: '***' })
    expect(read.body.health).toMatchObject({ state: 'good', failures: 0 })
    expect(read.text).not.toMatch(/sesame|whsec/)
    const stored = await t.database.query<{ all: string }>(
      "select row_to_json(w)::text || (select string_agg(sealed, '') from webhook_secret) as all from webhook w",
    )
    expect(stored.map(({ all }) => all).join()).not.toMatch(/sesame|whsec/)
  })

  test('repeated with its Idempotency-Key answers without the secret', async () => {
    const key = { 'idempotency-key': 'make-a-webhook' }
    const first = await t.owner('POST', '/webhooks', valid, key)
    const again = await t.owner('POST', '/webhooks', valid, key)
    expect([first.body.id === again.body.id, typeof first.body.secret, again.body.secret]).toEqual([true, 'string', undefined])
  })

  test('can be read, edited and sent back; a masked header keeps its value, absent fields stay, null clears', async () => {
    const receiver = await aReceiver()
    const { id } = await aWebhook(t, receiver.url, {
      headers: { 'X-Token': 'sesame' },
      filter: 'data.category == "never"',
      retrySchedule: [1, 2],
    })
    const { body: read, headers } = await t.owner('GET', `/webhooks/${id}`)
    const etag = String(headers.get('etag'))
    expect((await t.owner('GET', `/webhooks/${id}`, undefined, { 'if-none-match': etag })).status).toBe(304)
    const put = await t.owner('PUT', `/webhooks/${id}`, { ...read, name: 'renamed' }, { 'if-match': etag })
    expect([put.status, put.body.name, put.body.revision]).toEqual([200, 'renamed', 2])
    expect((await t.owner('PUT', `/webhooks/${id}`, { name: 'renamed' })).body.revision).toBe(2)
    expect((await t.owner('PUT', `/webhooks/${id}`, { name: 'late' }, { 'if-match': etag })).status).toBe(412)
    expect((await t.owner('PUT', `/webhooks/${id}`, { createdBy: 'me' })).body.code).toBe('field.read_only')
    await t.owner('POST', `/webhooks/${id}/test`)
    expect(receiver.received[0]!.headers['x-token']).toBe('sesame')
    const cleared = await t.owner('PUT', `/webhooks/${id}`, { filter: null, retrySchedule: null, headers: null })
    expect([cleared.body.filter, cleared.body.retrySchedule, cleared.body.headers]).toEqual([null, null, {}])
    expect((await t.owner('DELETE', `/webhooks/${id}`)).status).toBe(204)
    expect((await t.owner('GET', `/webhooks/${id}`)).body.code).toBe('webhook.not_found')
  })

  test.each<[string, object, number, string]>([
    ['a type of event that nothing tells', { events: ['prompt.craeted'] }, 422, 'webhook.event_type_unknown'],
    ['a pattern that fits nothing', { events: ['promt.*'] }, 422, 'webhook.event_type_unknown'],
    ['no events', { events: [] }, 400, 'request.invalid'],
    ['a filter that does not parse', { filter: 'data.version >' }, 422, 'expression.invalid'],
    ['a filter over a name that it has not', { filter: 'secret == "x"' }, 422, 'expression.invalid'],
    ['a header of the connection', { headers: { Host: 'x' } }, 422, 'outbound.header_refused'],
    ['a header of the signature', { headers: { 'webhook-id': 'x' } }, 422, 'outbound.header_refused'],
    ['a line break in a header', { headers: { 'x-a': 'b\r\nc: d' } }, 422, 'outbound.header_refused'],
    [
      'more headers than are taken',
      { headers: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`x-${i}`, 'a'])) },
      422,
      'webhook.invalid',
    ],
    ['more bytes of headers than are taken', { headers: { 'x-a': 'a'.repeat(4_096), 'x-b': 'b'.repeat(4_096) } }, 422, 'webhook.invalid'],
    ['a schedule beyond seven days', { retrySchedule: [604_801] }, 400, 'request.invalid'],
    ['a schedule of more than twenty', { retrySchedule: Array(21).fill(1) }, 400, 'request.invalid'],
    ['a timeout of an hour', { timeoutMs: 3_600_000 }, 400, 'request.invalid'],
    ['a typo', { evnets: ['prompt.*'] }, 400, 'request.invalid'],
  ])('is refused with %s', async (_, fields, status, code) => {
    const made = await make(fields)
    expect([made.status, made.body.code]).toEqual([status, code])
    const { id } = (await make()).body
    const put = await t.owner('PUT', `/webhooks/${id}`, fields)
    expect([put.status, put.body.code]).toEqual([status, code])
    await t.owner('DELETE', `/webhooks/${id}`)
  })

  test('with a typo in a type is told the nearest one', async () => {
    const { body } = await make({ events: ['prompt.created', 'prompt.craeted'] })
    expect(body.errors).toMatchObject([{ pointer: '/events/1', detail: expect.stringContaining('Did you mean "prompt.created"?') }])
    expect((await make({ events: ['custom.anything', '*', 'webhook.disabled'], active: false })).status).toBe(201)
  })

  test('is one of a hundred at most', async () => {
    const other = await t.stranger()
    const statuses = await Promise.all(Array.from({ length: 103 }, () => other('POST', '/webhooks', valid)))
    expect(statuses.filter(({ status }) => status === 201)).toHaveLength(100)
    expect(statuses.find(({ status }) => status !== 201)!.body).toMatchObject({ status: 409, code: 'webhook.too_many' })
    const pages = [await other('GET', '/webhooks?limit=60&includeTotal=true')]
    pages.push(await other('GET', `/webhooks?limit=60&cursor=${pages[0]!.body.nextCursor}`))
    expect([pages[0]!.body.total, new Set(pages.flatMap(({ body }) => body.items.map(({ id }: { id: string }) => id))).size]).toEqual([
      100, 100,
    ])
  })

  test('is no business of who sees some categories only', async () => {
    const role = (
      await t.owner('POST', '/roles', {
        name: 'limited',
        permissions: ['prompts:read', 'webhooks:read', 'webhooks:write'],
        categories: ['a'],
      })
    ).body
    const call = await aKey(t, { role: role.name })
    for (const answer of [await call('GET', '/webhooks'), await call('POST', '/webhooks', valid)])
      expect([answer.status, answer.body.code]).toEqual([403, 'auth.forbidden'])
  })
})

/** As attackers write them. The whole table is the guard's own; here it is seen to stand before webhooks. */
const hostile =
  `https://127.0.0.1/ https://127.1/ https://0x7f.1/ https://0x7f000001/ https://2130706433/ https://017700000001/ https://0177.0.0.01/
  https://127.0.0.1./ https://127%2e0%2e0%2e1/ https://127。0。0。1/ https://①②⑦.⓪.⓪.①/ https://１２７．０．０．１/ https://[::1]/ https://[0:0:0:0:0:0:0:1]/
  https://localhost/ https://LOCALHOST/ https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/ https://app.localhost/ https://localhost./ https://0/ https://0.0.0.0/ https://0x0/ https://[::]/
  https://169.254.169.254/latest/meta-data/ https://0xa9fea9fe/ https://2852039166/ https://0251.0376.0251.0376/ https://169.16689662/
  https://[fd00:ec2::254]/ https://100.100.100.200/ https://168.63.129.16/ https://metadata.google.internal/ https://metadata/
  https://[::ffff:a9fe:a9fe]/ https://[::ffff:169.254.169.254]/ https://[::ffff:127.0.0.1]/ https://[::127.0.0.1]/ https://[::7f00:1]/
  https://[64:ff9b::7f00:1]/ https://[64:ff9b::10.0.0.1]/ https://[2002:7f00:1::]/ https://[2001::f5ff:fffe]/
  https://10.0.0.1/ https://10.1/ https://172.16.0.1/ https://192.168.0.1/ https://100.64.0.1/ https://198.18.0.1/ https://224.0.0.1/ https://255.255.255.255/
  https://[fc00::1]/ https://[fe80::1]/ https://[ff02::1]/ https://[2001:db8::1]/ https://redis/ https://printer.local/ https://vault.corp/
  http://hooks.example.com/ ftp://hooks.example.com/ file:///etc/passwd gopher://hooks.example.com/ hooks.example.com //hooks.example.com/
  https://user@hooks.example.com/ https://user:secret@hooks.example.com/ https://hooks.example.com@127.0.0.1/ https://hooks.example.com\\@127.0.0.1/
  https://hooks.example.com:22/ https://hooks.example.com:6379/ https://1.2.3.4.5/ https://256.256.256.256/ https://[::1/`.split(/\s+/)

test.each(hostile)('%s is refused when a webhook is made, and when one is changed to it', async (address) => {
  const made = await strict.owner('POST', '/webhooks', { ...valid, events: ['custom.*'], url: address })
  expect([made.status, made.body.code, made.body.errors[0].pointer]).toEqual([422, 'outbound.url_refused', '/url'])
  const mine =
    (await strict.owner('GET', '/webhooks')).body.items[0] ??
    (await strict.owner('POST', '/webhooks', { ...valid, events: ['custom.*'] })).body
  expect((await strict.owner('PUT', `/webhooks/${mine.id}`, { url: address })).body.code).toBe('outbound.url_refused')
})
test('the table holds more than sixty forms', () => expect(hostile.length).toBeGreaterThan(60))

describe('secrets', () => {
  const verifies = (secret: string, { body, headers }: { body: string; headers: object }) => {
    try {
      return Boolean(new Webhook(secret).verify(body, headers as Record<string, string>))
    } catch {
      return false
    }
  }

  test('overlap: both verify until the first ends, then the second alone', async () => {
    const receiver = await aReceiver()
    const { id, secret: first } = await aWebhook(t, receiver.url)
    const rotated = await t.owner('POST', `/webhooks/${id}/rotate-secret`, { overlapHours: 1 })
    expect([rotated.status, rotated.body.secrets.length]).toEqual([201, 2])
    const { secret: second } = rotated.body
    await t.owner('POST', `/webhooks/${id}/test`)
    expect([first, second].map((secret) => verifies(secret, receiver.received[0]!))).toEqual([true, true])
    await t.database.query(
      `update webhook_secret set expires_at = now() - interval '1 second' where webhook_id = $1 and expires_at is not null`,
      [id],
    )
    await t.owner('POST', `/webhooks/${id}/test`)
    expect([first, second].map((secret) => verifies(secret, receiver.received[1]!))).toEqual([false, true])
    const third = (await t.owner('POST', `/webhooks/${id}/rotate-secret`, { overlapHours: 0 })).body
    await t.owner('POST', `/webhooks/${id}/test`)
    expect([third.secrets.length, verifies(second, receiver.received[2]!), verifies(third.secret, receiver.received[2]!)]).toEqual([
      1,
      false,
      true,
    ])
  })

  test('of v1a are a pair: the public key is told, and shown with the webhook', async () => {
    const receiver = await aReceiver()
    const made = (await t.owner('POST', '/webhooks', { ...valid, url: receiver.url, signing: 'v1a' })).body
    expect([made.secret.slice(0, 5), made.secrets[0].publicKey]).toEqual(['whpk_', made.secret])
    await t.owner('POST', `/webhooks/${made.id}/test`)
    const { body, headers } = receiver.received[0]!
    const [version, signature = ''] = String(headers['webhook-signature']).split(',')
    const x = Buffer.from(made.secret.slice(5), 'base64').toString('base64url')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
    expect([version, verify(null, Buffer.from(signed), key, Buffer.from(signature, 'base64'))]).toEqual(['v1a', true])
  })

  test('are five at most; rotating without overlap ends the others', async () => {
    const { id } = (await make()).body
    for (let n = 2; n <= 5; n++) expect((await t.owner('POST', `/webhooks/${id}/rotate-secret`, {})).body.secrets).toHaveLength(n)
    expect((await t.owner('POST', `/webhooks/${id}/rotate-secret`, {})).body).toMatchObject({
      status: 409,
      code: 'webhook.too_many_secrets',
    })
    expect((await t.owner('POST', `/webhooks/${id}/rotate-secret`, { overlapHours: 0 })).body.secrets).toHaveLength(1)
  })

  test('with another ENCRYPTION_KEY cannot be read: nothing is sent, the test says why, and rotating mends it', async () => {
    const receiver = await aReceiver()
    const { id } = await aWebhook(t, receiver.url)
    const other = await webhookApp({ database: t.database, encryptionKey: 'another-key-than-before-0123456789012' })
    const tested = await other.owner('POST', `/webhooks/${id}/test`)
    expect(tested.body).toMatchObject({
      state: 'failed',
      attempts: [{ failure: 'refused', detail: expect.stringContaining('ENCRYPTION_KEY') }],
    })
    expect(receiver.received).toEqual([])
    await other.owner('POST', `/webhooks/${id}/rotate-secret`, { overlapHours: 0 })
    expect((await other.owner('POST', `/webhooks/${id}/test`)).body.state).toBe('succeeded')
    await other.app.stop()
  })
})

test('every change of a webhook is an event, and no secret and no header value is in it or in the trail', async () => {
  const { id } = (await make({ headers: { 'x-a': 'sesame' } })).body
  await t.owner('PUT', `/webhooks/${id}`, { active: false })
  await t.owner('PUT', `/webhooks/${id}`, { active: true })
  await t.owner('POST', `/webhooks/${id}/rotate-secret`, {})
  await t.owner('DELETE', `/webhooks/${id}`)
  const rows = await t.database.query<{ type: string; data: object }>('select type, data from outbox where subject = $1 order by id', [id])
  expect(rows).toEqual([
    { type: 'webhook.created', data: { name: 'a', activated: true } },
    { type: 'webhook.updated', data: { name: 'a', fields: ['active'], activated: false } },
    { type: 'webhook.updated', data: { name: 'a', fields: ['active'], activated: true } },
    { type: 'webhook.secret_rotated', data: { name: 'a' } },
    { type: 'webhook.deleted', data: { name: 'a' } },
  ])
  expect(await t.database.query('select 1 from webhook_delivery where webhook_id = $1', [id])).toEqual([])
})

test('a webhook is told of what happens after it was made or made active again, and of nothing before', async () => {
  const receiver = await aReceiver()
  await aPrompt(t, { name: 'before' })
  const { id } = await aWebhook(t, receiver.url, { events: ['prompt.created'] })
  await aPrompt(t, { name: 'first' })
  await t.owner('POST', '/notifications/process')
  await t.owner('PUT', `/webhooks/${id}`, { active: false })
  await aPrompt(t, { name: 'meanwhile' })
  await t.owner('POST', '/notifications/process')
  await t.owner('PUT', `/webhooks/${id}`, { active: true })
  await aPrompt(t, { name: 'second' })
  await t.owner('POST', '/notifications/process')
  await expect.poll(() => receiver.received.map(({ message }) => message.data.name)).toEqual(['first', 'second'])
})
