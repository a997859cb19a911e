import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { httpClient } from '../../infrastructure/http-client/http-client.ts'
import { promptRedacted } from '../prompts/model/events.ts'
import { deliveryUpkeep } from './commands/upkeep.ts'
import { send } from './jobs/sending.ts'
import { vaultOf } from './model/sealing.ts'
import { newSecret } from './model/signing.ts'
import { aPrompt, aReceiver, aWebhook, deliveriesOf, webhookApp } from './testing/webhook-kit.ts'

let t: Awaited<ReturnType<typeof webhookApp>>
beforeAll(async () => {
  t = await webhookApp()
})
afterAll(() => t.stop())

describe('a real receiver that verifies with the official library', () => {
  test('gets each event of a prompt’s life exactly once, signed, with the id that it has in the log', async () => {
    const receiver = await aReceiver()
    const hook = await aWebhook(t, `${receiver.url}/in`, { headers: { 'X-Team': 'a' } })
    const id = await aPrompt(t, { category: 'life' })
    await t.owner('PUT', `/prompts/${id}/content`, { content: 'Hello again {{who}}' })
    await t.owner('PUT', `/prompts/${id}/labels/production`, { version: 2 })
    await t.owner('PUT', `/prompts/${id}/lifecycle`, { status: 'review' })
    await t.owner('POST', `/prompts/${id}/fork`, { name: 'a fork' })
    await t.owner('POST', `/prompts/${id}/versions/1/rollback`, {})
    await t.owner('PUT', `/prompts/${id}`, { description: 'Changed' })
    expect((await t.owner('DELETE', `/prompts/${id}?force=true`)).status).toBe(204)
    await t.owner('POST', `/prompts/${id}/restore`, {})
    const told = await t.database.query<{ type: string }>(
      `select type from outbox where type like 'prompt.%' and subject <> '' order by position`,
    )
    await expect.poll(() => receiver.received.length).toBeGreaterThanOrEqual(told.length)
    await t.owner('POST', '/notifications/process')
    expect(receiver.types().sort()).toEqual(told.map(({ type }) => type).sort())
    expect(new Set(receiver.received.map((one) => one.id)).size).toBe(told.length)
    expect(receiver.verify(hook.secret)).toHaveLength(told.length)
    const [first] = receiver.received
    expect(Object.keys(first!.message)).toEqual(['type', 'timestamp', 'data'])
    expect(first).toMatchObject({
      path: '/in',
      headers: { 'content-type': 'application/json', 'x-team': 'a' },
      message: { data: { subject: id } },
    })
    expect(first!.id).toMatch(/^evt_[A-Za-z0-9_-]{22}$/)
    await expect.poll(async () => (await deliveriesOf(hook, '?state=succeeded')).length).toBe(told.length)
  })

  test('is told the trace that a change was part of, and none where it was part of none', async () => {
    const receiver = await aReceiver()
    await aWebhook(t, receiver.url, { events: ['prompt.created'] })
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const { body } = await t.owner('POST', '/prompts', { content: 'traced' }, { traceparent })
    const plain = await aPrompt(t)
    await expect.poll(() => receiver.received.length).toBe(2)
    const traceOf = (id: string) => receiver.received.find(({ message }) => message.data.subject === id)!.headers.traceparent
    expect([traceOf(body.id), traceOf(plain)]).toEqual([traceparent, undefined])
  })

  test('has the header of its own where it says another trace, however that is written', async () => {
    const receiver = await aReceiver()
    const own = '00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-00'
    await aWebhook(t, receiver.url, { events: ['prompt.created'], headers: { TraceParent: own } })
    await t.owner('POST', '/prompts', { content: 'traced' }, { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' })
    await expect.poll(() => receiver.received.length).toBe(1)
    expect(receiver.received[0]!.headers.traceparent).toBe(own)
  })
})

/** Attempt what is due until nothing is, on this app's clock. */
const process = async () => (await t.owner('POST', '/notifications/process')).body
/** A webhook with one delivery, attempted once. */
async function attempted(answering: Parameters<typeof aReceiver>[0], fields: object = {}) {
  const receiver = await aReceiver(answering)
  const hook = await aWebhook(t, receiver.url, { events: ['prompt.created'], timeoutMs: 20_000, retrySchedule: [60], ...fields })
  const id = await aPrompt(t)
  await process()
  await expect.poll(async () => (await deliveriesOf(hook))[0]?.attemptCount).toBeGreaterThanOrEqual(1)
  const [delivery] = await deliveriesOf(hook)
  return { receiver, hook, delivery, id, attempt: delivery.attempts.at(-1) }
}
const healthOf = async ({ id }: { id: string }) => (await t.owner('GET', `/webhooks/${id}`)).body
const inSeconds = ({ nextAttemptAt, at }: { nextAttemptAt: string; at: string }) => (Date.parse(nextAttemptAt) - Date.parse(at)) / 1_000

describe('a receiver that', () => {
  test('answers 500 is tried again by the schedule, under the same id, and what was sent and answered is in the log without secrets', async () => {
    const { hook, delivery, attempt, receiver } = await attempted(
      (_, response) => void response.writeHead(500, { 'x-why': 'broken' }).end('sorry\0'),
      {
        headers: { 'x-token': 'sesame' },
      },
    )
    expect([delivery.state, attempt.failure, attempt.status, attempt.address]).toEqual(['pending', 'http', 500, '127.0.0.1'])
    expect(attempt).toMatchObject({ responseBody: 'sorry\ufffd', responseHeaders: { 'x-why': 'broken' }, truncated: false, attempt: 1 })
    expect(attempt.requestHeaders).toMatchObject({ 'webhook-id': delivery.messageId, 'webhook-signature': 'v1,***', 'x-token': '***' })
    expect(inSeconds(attempt)).toBeGreaterThanOrEqual(48)
    receiver.answerWith((_, response) => void response.writeHead(200).end('thanks'))
    t.setClock(80_000)
    await process()
    t.setClock(0)
    await expect.poll(async () => (await deliveriesOf(hook))[0].state).toBe('succeeded')
    const whole = (await t.owner('GET', `/webhooks/${hook.id}/deliveries/${delivery.id}`)).body
    expect(whole.attempts.map(({ status }: { status: number }) => status)).toEqual([200, 500])
    expect(new Set(receiver.received.map(({ id }) => id))).toEqual(new Set([delivery.messageId]))
  })

  test('fails to the end of its own schedule has failed, and a redelivery starts anew', async () => {
    const { hook, receiver } = await attempted((_, response) => void response.writeHead(500).end(), { retrySchedule: [] })
    const [failed] = await deliveriesOf(hook, '?state=failed')
    expect([failed.nextAttemptAt, failed.attempts[0].nextAttemptAt]).toEqual([null, null])
    receiver.answerWith((_, response) => void response.writeHead(200).end())
    const again = await t.owner('POST', `/webhooks/${hook.id}/deliveries/${failed.id}/redeliver`)
    expect(again.status).toBe(202)
    await expect.poll(async () => (await deliveriesOf(hook, '?state=succeeded')).length).toBe(1)
    expect(receiver.received.map(({ id }) => id)).toEqual([failed.messageId, failed.messageId])
  })

  test('redirects has failed, and where it points is not asked', async () => {
    const { attempt, receiver } = await attempted(
      (_, response) => void response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    )
    expect([attempt.status, attempt.failure, receiver.received.length]).toEqual([302, 'http', 1])
  })

  test('hangs is given its time and no more', async () => {
    const { attempt, hook } = await attempted(() => undefined, { timeoutMs: 1_000 })
    expect([attempt.failure, attempt.status]).toEqual(['timeout', null])
    expect((await healthOf(hook)).health.state).toBe('slowed')
  })

  test('closes half way has failed', async () => {
    const { attempt } = await attempted((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half')
      setTimeout(() => response.destroy(), 50)
    })
    expect([attempt.failure, attempt.status]).toEqual(['closed', 200])
  })

  test('sends 10 MB has its first 16 kB kept', async () => {
    const { attempt, hook, delivery } = await attempted((_, response) => void response.writeHead(200).end(Buffer.alloc(10_000_000, 'x')))
    expect([attempt.failure, attempt.truncated, attempt.responseBody.length]).toEqual([null, true, 1_024])
    const whole = (await t.owner('GET', `/webhooks/${hook.id}/deliveries/${delivery.id}`)).body
    expect(whole.attempts[0].responseBody).toHaveLength(16_384)
  })

  test('says Retry-After is left alone so long, an hour at most', async () => {
    const { attempt, hook } = await attempted((_, response) => void response.writeHead(429, { 'retry-after': '7200' }).end())
    expect(inSeconds(attempt)).toBeGreaterThanOrEqual(3_600)
    expect(inSeconds(attempt)).toBeLessThan(3_700)
    expect((await healthOf(hook)).health.state).toBe('held')
    await aPrompt(t)
    await process()
    expect((await deliveriesOf(hook)).map(({ attemptCount }: { attemptCount: number }) => attemptCount)).toEqual([0, 1])
  })

  test('is gone (410) ends the webhook at once, with an event, and other webhooks are told of it', async () => {
    const watcher = await aReceiver()
    await aWebhook(t, watcher.url, { events: ['webhook.*'] })
    const { hook } = await attempted((_, response) => void response.writeHead(410).end())
    await expect.poll(async () => (await healthOf(hook)).disabledReason).toBe('gone')
    await expect.poll(() => watcher.types()).toContain('webhook.disabled')
    expect(watcher.received.find(({ message }) => message.type === 'webhook.disabled')!.message.data).toMatchObject({
      reason: 'gone',
      name: 'test',
    })
    const [{ id }] = await deliveriesOf(hook)
    expect((await t.owner('POST', `/webhooks/${hook.id}/deliveries/${id}/redeliver`)).body).toMatchObject({
      status: 409,
      code: 'webhook.inactive',
    })
    const back = await t.owner('PUT', `/webhooks/${hook.id}`, { active: true })
    expect([back.body.disabledReason, back.body.health.failures]).toEqual([null, 0])
  })

  test('fails for 120 hours and 20 times is given up, and what was pending has failed', async () => {
    const { hook, delivery } = await attempted((_, response) => void response.writeHead(500).end(), { retrySchedule: [604_800] })
    await aPrompt(t)
    await process()
    await expect.poll(async () => (await deliveriesOf(hook))[0]?.attemptCount).toBe(1)
    expect((await deliveriesOf(hook)).map(({ state }: { state: string }) => state)).toEqual(['pending', 'pending'])
    await t.database.query(
      `update webhook_health set failures = 30, failing_since = now() - interval '121 hours', tripped = false where webhook_id = $1`,
      [hook.id],
    )
    await t.owner('POST', `/webhooks/${hook.id}/deliveries/${delivery.id}/redeliver`)
    await process()
    await expect.poll(async () => (await healthOf(hook)).disabledReason).toBe('failing')
    expect((await deliveriesOf(hook)).map(({ state }: { state: string }) => state)).toEqual(['failed', 'failed'])
  })

  test('fails ten times opens the breaker: one probe a while, until one succeeds', async () => {
    const { hook, receiver } = await attempted((_, response) => void response.writeHead(500).end(), { retrySchedule: [5, 5, 5, 5] })
    for (let n = 0; n < 11; n++) await aPrompt(t)
    await process()
    await expect.poll(async () => (await healthOf(hook)).health.state).toBe('open')
    const underWay = 'select 1 from webhook_delivery where webhook_id = $1 and claimed_until > now()'
    await expect.poll(() => t.database.query(underWay, [hook.id])).toEqual([])
    const before = receiver.received.length
    for (let n = 0; n < 5; n++) await aPrompt(t)
    await process()
    expect(receiver.received.length).toBe(before)
    receiver.answerWith((_, response) => void response.writeHead(200).end())
    t.setClock(35_000)
    await process()
    t.setClock(0)
    await expect.poll(async () => (await healthOf(hook)).health.state).toBe('good')
    await expect.poll(async () => (await deliveriesOf(hook, '?state=pending')).length).toBe(0)
  })

  test('means first a public and then a private address is not asked', async () => {
    const answers = [['93.184.215.14'], ['169.254.169.254']]
    const outbound = httpClient({ loopback: false, allow: [], resolve: async () => answers.shift() ?? [] })
    onTestFinished(() => outbound.close())
    await outbound.check('https://hooks.example.com/')
    const vault = vaultOf(Buffer.alloc(32))
    const secrets = [{ id: 's', sealed: vault.seal(newSecret('v1'), 'webhook secret s') }]
    const event = { type: 'custom.x', subject: 's', data: {}, traceparent: null, createdAt: '2026-01-01T00:00:00.000Z' }
    const message = {
      webhookId: 'w',
      messageId: 'evt_1',
      event,
      url: 'https://hooks.example.com/',
      headers: null,
      timeoutMs: 5_000,
      secrets,
    }
    const sent = await send(message, '2026-01-01T00:00:00.000Z', { outbound, vault })
    expect(sent.answered).toMatchObject({ failure: 'refused', detail: expect.stringContaining('169.254.169.254') })
  })
})

describe('one dead receiver', () => {
  test('does not delay another', async () => {
    const dead = await aReceiver(() => undefined)
    const alive = await aReceiver()
    const hooks = [
      await aWebhook(t, dead.url, { events: ['prompt.created'], timeoutMs: 25_000 }),
      await aWebhook(t, alive.url, { events: ['prompt.created'] }),
    ]
    for (let n = 0; n < 20; n++) await aPrompt(t)
    await expect.poll(() => alive.received.length).toBe(20)
    expect(dead.received.length).toBeLessThanOrEqual(8)
    for (const { id } of hooks) await t.owner('DELETE', `/webhooks/${id}`)
  })
})

test('of two workers that both believe to have a delivery, the one that lost it writes nothing', async () => {
  const answers: (() => void)[] = []
  const receiver = await aReceiver((_, response) => void answers.push(() => response.writeHead(500).end()))
  const hook = await aWebhook(t, receiver.url, { events: ['prompt.created'], timeoutMs: 20_000 })
  await aPrompt(t)
  await expect.poll(() => answers.length).toBe(1)
  const other = '01900000-0000-7000-8000-00000000000a'
  const take = `update webhook_delivery set claim_token = $2, claimed_until = now() + interval '1 hour' where webhook_id = $1 returning id`
  expect(await t.database.query(take, [hook.id, other])).toHaveLength(1)
  answers[0]!()
  await process()
  await expect
    .poll(
      async () =>
        (
          await t.database.query<{ token: string }>('select claim_token as token from webhook_delivery where webhook_id = $1', [hook.id])
        )[0]!.token,
    )
    .toBe(other)
  expect(await deliveriesOf(hook)).toMatchObject([{ state: 'pending', attemptCount: 0, attempts: [] }])
  expect((await healthOf(hook)).health.failures).toBe(0)
  await t.owner('DELETE', `/webhooks/${hook.id}`)
})

test('process attempts what is due, waits for the outcomes, and counts them', async () => {
  const receiver = await aReceiver(({ message }, response) => void response.writeHead(message.data.name === 'bad' ? 500 : 200).end())
  const hook = await aWebhook(t, receiver.url, { events: ['prompt.created'], active: false })
  await t.owner('PUT', `/webhooks/${hook.id}`, { active: true })
  for (const name of ['good 1', 'good 2', 'bad']) await aPrompt(t, { name, category: 'processed' })
  const { processed, succeeded, failed, more } = await process()
  expect([processed, more]).toEqual([succeeded + failed, false])
  await expect.poll(() => receiver.received.length).toBe(3)
  await t.owner('DELETE', `/webhooks/${hook.id}`)
})

describe('a filter', () => {
  test('lets through what it is true for; one that fails, or is slow, lets nothing through, tells why, and holds nobody up', async () => {
    const receivers = await Promise.all(['wanted', 'broken', 'slow'].map(() => aReceiver()))
    const numbers = `[${Array.from({ length: 100 }, (_, i) => i).join(',')}]`
    const slow = `${numbers}.all(a, ${numbers}.all(b, (string(a) + string(b) + type).matches("(x+x+)+y") || a + b >= 0))`
    const filters = ['data.category == "wanted"', 'data.nowhere.deep == 1', slow]
    const hooks = await Promise.all(filters.map((filter, i) => aWebhook(t, receivers[i]!.url, { events: ['prompt.created'], filter })))
    await aPrompt(t, { category: 'wanted' })
    await aPrompt(t, { category: 'unwanted' })
    await expect.poll(() => receivers[0]!.received.length).toBe(1)
    await process()
    expect(receivers[0]!.received.map(({ message }) => message.data.category)).toEqual(['wanted'])
    expect(receivers[1]!.received).toEqual([])
    expect((await healthOf(hooks[1]!)).health.filterError).toMatch(/./)
    for (const { id } of hooks) await t.owner('DELETE', `/webhooks/${id}`)
  })
})

describe('a clock that jumps', () => {
  test('back by a day neither loses nor holds up what was to be sent; forward by a day it is sent at once', async () => {
    const { hook, receiver } = await attempted((_, response) => void response.writeHead(503, { 'retry-after': '3600' }).end())
    t.setClock(-86_400_000)
    receiver.answerWith((_, response) => void response.writeHead(200).end())
    await expect.poll(async () => (await deliveriesOf(hook, '?state=succeeded')).length).toBe(1)
    await aPrompt(t)
    await expect.poll(async () => (await deliveriesOf(hook, '?state=succeeded')).length).toBe(2)
    receiver.answerWith((_, response) => void response.writeHead(500).end())
    await aPrompt(t)
    await expect.poll(async () => (await deliveriesOf(hook))[0].attemptCount).toBeGreaterThanOrEqual(1)
    receiver.answerWith((_, response) => void response.writeHead(200).end())
    t.setClock(86_400_000)
    await expect.poll(async () => (await deliveriesOf(hook, '?state=succeeded')).length).toBe(3)
    t.setClock(0)
    await t.owner('DELETE', `/webhooks/${hook.id}`)
  })
})

test('a test is answered with what came, is kept in the log, and cannot be delivered again', async () => {
  const receiver = await aReceiver((_, response) => void response.writeHead(418).end('teapot'))
  const hook = await aWebhook(t, receiver.url, { active: false })
  const { status, body } = await t.owner('POST', `/webhooks/${hook.id}/test`)
  expect([status, body.type, body.state, body.attempts[0].status, body.attempts[0].responseBody]).toEqual([
    200,
    'webhook.test',
    'failed',
    418,
    'teapot',
  ])
  expect(receiver.verify(hook.secret)).toHaveLength(1)
  expect((await deliveriesOf(hook, '?type=webhook.test')).map(({ id }: { id: string }) => id)).toEqual([body.id])
  await t.owner('PUT', `/webhooks/${hook.id}`, { active: true })
  expect((await t.owner('POST', `/webhooks/${hook.id}/deliveries/${body.id}/redeliver`)).body).toMatchObject({
    status: 409,
    code: 'delivery.not_repeatable',
  })
  expect((await t.owner('GET', `/webhooks/${hook.id}/deliveries/01900000-0000-7000-8000-000000000000`)).body.code).toBe(
    'delivery.not_found',
  )
})

test('an event that was deleted before it could be sent ends its delivery, which says so', async () => {
  const receiver = await aReceiver((_, response) => void response.writeHead(500).end())
  const hook = await aWebhook(t, receiver.url, { events: ['prompt.created'], retrySchedule: [5] })
  const id = await aPrompt(t)
  await expect.poll(() => receiver.received.length).toBe(1)
  await t.database.query('delete from outbox where subject = $1', [id])
  await expect.poll(async () => (await deliveriesOf(hook))[0].state).toBe('failed')
  expect((await deliveriesOf(hook))[0].attempts[0]).toMatchObject({ failure: 'event_gone', nextAttemptAt: null })
})

test('what a receiver answered about a prompt goes when a version of it is redacted', async () => {
  const { hook, id } = await attempted(({ body }, response) => void response.writeHead(200).end(body))
  expect((await deliveriesOf(hook))[0].attempts[0].responseBody).toContain('prompt.created')
  const ctx = t.app.runtime.contextFor(
    { id: 'x', workspaceId: '00000000-0000-7000-8000-000000000001', permissions: new Set(['*']), instanceAdmin: false },
    { requestId: 'x' },
  )
  await ctx.transact((tx) => ctx.emit(tx, [promptRedacted(id, { category: 'a', name: 'b', version: 1 })]))
  await expect.poll(async () => (await deliveriesOf(hook))[0].attempts[0].responseBody).toBeNull()
})

test('upkeep: deliveries are counted by state, those that are over go by age, and events that are still to be sent are held', async () => {
  const u = await webhookApp()
  const receiver = await aReceiver(({ message }, response) => void response.writeHead(message.data.name === 'bad' ? 500 : 200).end())
  const hook = await aWebhook(u, receiver.url, { events: ['prompt.created'], retrySchedule: [604_800] })
  for (const name of ['good', 'bad']) await aPrompt(u, { name })
  await expect.poll(async () => (await deliveriesOf(hook, '?state=succeeded')).length).toBe(1)
  await expect.poll(async () => (await deliveriesOf(hook, '?state=pending'))[0]?.attemptCount).toBe(1)
  const ctx = u.app.runtime.contextFor(
    { id: 'x', workspaceId: '00000000-0000-7000-8000-000000000001', permissions: new Set(['*']), instanceAdmin: false },
    { requestId: 'x' },
  )
  expect(await deliveryUpkeep.byState(ctx)).toEqual({ pending: 1, succeeded: 1, failed: 0, cancelled: 0 })
  const events = await u.database.query<{ id: number }>(`select id::int from outbox where type = 'prompt.created' order by id`)
  expect([...(await ctx.read((db) => deliveryUpkeep.held(db, events)))]).toEqual([events[1]!.id])
  expect(await ctx.read(deliveryUpkeep.plannedUpTo)).toBeGreaterThan(0)
  u.setClock(3 * 86_400_000)
  expect([await deliveryUpkeep.cleanUp(4, ctx), await deliveryUpkeep.cleanUp(2, ctx)]).toEqual([0, 1])
  expect(await u.database.query('select 1 from webhook_attempt')).toHaveLength(1)
  await u.stop()
})
