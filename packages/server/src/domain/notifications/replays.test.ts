import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestAnswer } from '../../testing/index.ts'
import { aPrompt, aReceiver, aWebhook, deliveriesOf, type Made, webhookApp } from './testing/webhook-kit.ts'

let t: Awaited<ReturnType<typeof webhookApp>>
beforeAll(async () => {
  t = await webhookApp()
})
afterAll(() => t.stop())

const waiting = { prefer: 'wait=20' }
const replay = (hook: Made, body: object): Promise<TestAnswer> => t.owner('POST', `/webhooks/${hook.id}/replay`, body, waiting)

/** A receiver with some events behind it, all of which it took or refused. */
async function history(names: readonly string[], status = 200) {
  const receiver = await aReceiver((_, response) => void response.writeHead(status).end())
  const hook = await aWebhook(t, receiver.url, { events: ['prompt.created'], retrySchedule: [] })
  const from = new Date(Date.now() - 1).toISOString()
  for (const name of names) await aPrompt(t, { name, category: `c ${Math.random()}` })
  await expect.poll(async () => (await deliveriesOf(hook, '?state=pending')).length + receiver.received.length).toBe(names.length)
  await expect
    .poll(async () => (await deliveriesOf(hook)).filter(({ finishedAt }: { finishedAt: unknown }) => finishedAt).length)
    .toBe(names.length)
  const first = receiver.received.map(({ id }) => id)
  return { receiver, hook, from, first }
}

describe('a replay', () => {
  test('of a time sends all of it again under the same ids; the dry run counts and sends nothing', async () => {
    const { receiver, hook, from, first } = await history(['a', 'b', 'c'])
    const counted = await replay(hook, { from, dryRun: true })
    expect([counted.status, counted.body.status, counted.body.matched, counted.body.dryRun]).toEqual([200, 'succeeded', 3, true])
    expect(receiver.received).toHaveLength(3)
    const made = await replay(hook, { from })
    expect(made.body).toMatchObject({ status: 'succeeded', matched: 3, from, error: null })
    expect(made.body.progress.done).toBe(made.body.progress.total)
    await expect.poll(() => receiver.received.length).toBe(6)
    expect(
      receiver.received
        .slice(3)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(first.toSorted())
    expect((await deliveriesOf(hook)).filter(({ replayId }: { replayId: string }) => replayId === made.body.id)).toHaveLength(3)
    expect((await replay(hook, { from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00+01:00', dryRun: true })).body).toMatchObject({
      matched: 0,
    })
  })

  test('of what failed sends that alone again', async () => {
    const { receiver, hook, from } = await history(['bad one', 'bad two'], 500)
    receiver.answerWith((_, response) => void response.writeHead(200).end())
    await aPrompt(t, { name: 'good one' })
    await expect.poll(async () => (await deliveriesOf(hook, '?state=succeeded')).length).toBe(1)
    expect((await replay(hook, { failedSince: from, dryRun: true })).body.matched).toBe(2)
    expect((await replay(hook, { failedSince: from })).body).toMatchObject({
      status: 'succeeded',
      matched: 2,
      progress: { done: 2, total: 2 },
    })
    await expect.poll(async () => (await deliveriesOf(hook, '?state=succeeded')).length).toBe(3)
    expect(receiver.received).toHaveLength(5)
  })

  test('of single events sends these, whatever the webhook wants by now', async () => {
    const { receiver, hook, first } = await history(['a', 'b'])
    await t.owner('PUT', `/webhooks/${hook.id}`, { events: ['prompt.deleted'] })
    const made = await replay(hook, { eventIds: [first[1], `evt_${'x'.repeat(22)}`] })
    expect(made.body).toMatchObject({ status: 'succeeded', matched: 1 })
    await expect.poll(() => receiver.received.map(({ id }) => id)).toEqual([...first, first[1]])
  })

  test('that was cancelled sends no more of it, stays cancelled, and can be read and followed', async () => {
    const { receiver, hook, from } = await history(['a', 'b'])
    receiver.answerWith((_, response) => void response.writeHead(503, { 'retry-after': '3600' }).end())
    await t.owner('PUT', `/webhooks/${hook.id}`, { retrySchedule: [1] })
    await aPrompt(t)
    await expect.poll(async () => (await t.owner('GET', `/webhooks/${hook.id}`)).body.health.state).toBe('held')
    const { id } = (await replay(hook, { from })).body
    const path = `/webhooks/${hook.id}/replays/${id}`
    expect((await t.owner('POST', `${path}/cancel`)).status).toBe(200)
    const states = (await deliveriesOf(hook)).filter(({ replayId }: { replayId: string }) => replayId === id)
    expect(states.map(({ state }: { state: string }) => state)).toEqual(['cancelled', 'cancelled', 'cancelled'])
    expect((await t.owner('GET', `${path}/events`)).text).toContain('event: finished')
    expect((await t.owner('GET', `/webhooks/${hook.id}/replays/${hook.id}`)).body.code).toBe('replay.not_found')
    await t.database.query(`update webhook_replay set status = 'running' where id = $1`, [id])
    expect((await replay(hook, { from })).body).toMatchObject({ status: 409, code: 'replay.running', replayId: id })
    expect((await t.owner('POST', `${path}/cancel`)).body.status).toBe('cancelled')
    expect((await t.owner('POST', `${path}/cancel`)).body.status).toBe('cancelled')
  })

  test.each<[string, object]>([
    ['nothing', {}],
    ['two things', { from: '2026-01-01T00:00:00Z', failedSince: '2026-01-01T00:00:00Z' }],
    ['an end alone', { to: '2026-01-01T00:00:00Z' }],
    ['an end without a beginning', { failedSince: '2026-01-01T00:00:00Z', to: '2026-01-01T00:00:00Z' }],
    ['an end before its beginning', { from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }],
    ['a time beyond all', { from: '9999-12-31T00:00:00Z' }],
  ])('of %s is refused', async (_, body) => {
    const hook = await aWebhook(t, 'https://[3000::1]/', { active: false })
    expect((await replay(hook, { ...body, dryRun: true })).body).toMatchObject({ status: 422, code: 'replay.invalid' })
    expect((await replay(hook, { from: '2026-01-01T00:00:00Z' })).body).toMatchObject({ status: 409, code: 'webhook.inactive' })
    await t.owner('DELETE', `/webhooks/${hook.id}`)
  })
})

test('a dry run over more than one batch of events counts each of them once, and goes for a webhook that is not active', async () => {
  const receiver = await aReceiver()
  const hook = await aWebhook(t, receiver.url, { events: ['custom.*'] })
  await t.database.query(
    `with numbered as (insert into outbox (workspace_id, type, subject, data, actor, request_id, created_at)
       select '00000000-0000-7000-8000-000000000001', 'custom.x', 's', '{}', 'a', 'r', now() - interval '1 day' from generate_series(1, 1200) returning id)
     select count(*) from numbered`,
  )
  await expect.poll(async () => (await t.database.query('select 1 from outbox where position is null')).length).toBe(0)
  await t.owner('PUT', `/webhooks/${hook.id}`, { active: false })
  await t.database.query('delete from webhook_delivery where webhook_id = $1', [hook.id])
  const range = { from: new Date(Date.now() - 2 * 86_400_000).toISOString(), to: new Date(Date.now() - 3_600_000).toISOString() }
  const counted = (await replay(hook, { ...range, dryRun: true })).body
  expect([counted.status, counted.matched]).toEqual(['succeeded', 1_200])
})
