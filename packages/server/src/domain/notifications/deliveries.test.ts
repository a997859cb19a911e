import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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
    await expect.poll(() => receiver.received.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(told.length)
    await t.owner('POST', '/notifications/process')
    expect(receiver.types().sort()).toEqual(told.map(({ type }) => type).sort())
    expect(new Set(receiver.received.map((one) => one.id)).size).toBe(told.length)
    expect(receiver.verify(hook.secret)).toHaveLength(told.length)
    const [first] = receiver.received
    expect(Object.keys(first!.message)).toEqual(['type', 'timestamp', 'data'])
    expect(first).toMatchObject({ path: '/in', headers: { 'content-type': 'application/json', 'x-team': 'a', 'webhook-subject': id } })
    expect(first!.id).toMatch(/^evt_[A-Za-z0-9_-]{22}$/)
    await expect.poll(async () => (await deliveriesOf(hook, '?state=succeeded')).length, { timeout: 10_000 }).toBe(told.length)
  })
})
