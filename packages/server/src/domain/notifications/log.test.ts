import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Call, startTestApp, type TestApp } from '../../testing/index.ts'
import { aKeyWith } from '../access/testing/rights-kit.ts'
import { emptyLog, follow, placed, type Told } from './testing/log-kit.ts'

let ahead = 0
let t: TestApp
beforeAll(async () => {
  t = await startTestApp({ clock: () => new Date(Date.now() + ahead).toISOString() })
})
afterAll(() => t.stop())
beforeEach(() => {
  ahead = 0
})

const get = (call: Call, query = '') => call('GET', `/notifications/events${query}`)
const trigger = (call: Call, n: number, fields: Record<string, unknown> = {}) =>
  call('POST', '/notifications/trigger', { type: 'custom.counted', data: { n }, ...fields })
const numbers = (items: readonly Told[]) => items.map(({ data }) => data.n)
const fresh = () => emptyLog(t)

describe('the event log', () => {
  test('tells every change, in the order of the commits, with who did it and what', async () => {
    const call = await fresh()
    const { body: made, headers } = await call('POST', '/prompts', { content: 'Hi', category: 'c', name: 'n' })
    await call('PUT', `/prompts/${made.id}/content`, { content: 'Hello' })
    await call('PUT', `/prompts/${made.id}/labels/production`, { version: 2 })
    await call('DELETE', `/prompts/${made.id}`)
    await placed(t)
    const { status, body } = await get(call)
    expect(status).toBe(200)
    const types = ['prompt.created', 'prompt.label_moved', 'prompt.version_created', 'prompt.label_moved', 'prompt.deleted']
    expect(body.items.map(({ type }: Told) => type)).toEqual(types)
    expect(body.items[0]).toEqual({
      id: expect.stringMatching(/^evt_[\w-]{22}$/),
      type: 'prompt.created',
      subject: made.id,
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      data: { category: 'c', name: 'n', version: 1 },
      actor: expect.any(String),
      requestId: headers.get('x-request-id'),
    })
    expect(body.nextCursor).toBeNull()
  })

  test('is walked by a cursor that stays good at the end: what comes later follows, nothing twice', async () => {
    const call = await fresh()
    for (let n = 0; n < 7; n++) await trigger(call, n)
    await placed(t)
    const seen: unknown[] = []
    let cursor = ''
    for (let pages = 0; pages < 3; pages++) {
      const { body } = await get(call, `?limit=3${cursor && `&cursor=${cursor}`}`)
      seen.push(...numbers(body.items))
      cursor = body.cursor
      expect(body.nextCursor).toBe(pages < 2 ? cursor : null)
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect((await get(call, `?cursor=${cursor}`)).body).toEqual({ items: [], nextCursor: null, cursor: expect.any(String) })
    for (let n = 7; n < 9; n++) await trigger(call, n)
    await placed(t)
    expect(numbers((await get(call, `?cursor=${cursor}`)).body.items)).toEqual([7, 8])
  })

  test.each([
    ['a type', '?type=custom.counted', [0, 2]],
    ['a type and another', '?type=custom.counted&type=custom.other.deep', [0, 2, 3]],
    ['the beginning of a type', '?type=custom.*', [0, 1, 2, 3]],
    ['a longer beginning, which ends with a whole name', '?type=custom.other.*', [3]],
    ['a type that nobody told', '?type=prompt.created', []],
    ['a subject', '?subject=it', [1, 2]],
    ['a subject and a type', '?subject=it&type=custom.counted', [2]],
  ])('is filtered by %s', async (_, query, expected) => {
    const call = await fresh()
    await trigger(call, 0)
    await trigger(call, 1, { type: 'custom.other', subject: 'it' })
    await trigger(call, 2, { subject: 'it' })
    await trigger(call, 3, { type: 'custom.other.deep' })
    await placed(t)
    expect(numbers((await get(call, query)).body.items)).toEqual(expected)
  })

  test('begins at a time, however much came before, also where clocks were not in step', async () => {
    const call = await fresh()
    await t.database.query(
      `insert into outbox (workspace_id, position, type, subject, data, actor, request_id, created_at)
       select $1, h.position + n, 'custom.counted', 's', jsonb_build_object('n', -n), 'a', 'r', now() - interval '2 days' + n * interval '1 second'
       from feed_head h, generate_series(1, 6000) n`,
      [call.workspaceId],
    )
    await t.database.query('update feed_head set position = position + 6000')
    await trigger(call, 1)
    ahead = -60_000
    await trigger(call, 2)
    ahead = 0
    await trigger(call, 3)
    await placed(t)
    const since = (ms: number) => encodeURIComponent(new Date(Date.now() + ms).toISOString())
    expect(numbers((await get(call, `?since=${since(-30_000)}`)).body.items)).toEqual([1, 3])
    expect(numbers((await get(call, `?since=${since(-3_600_000)}`)).body.items)).toEqual([1, 2, 3])
    expect((await get(call, `?since=${since(60_000)}`)).body).toMatchObject({ items: [], nextCursor: null })
    expect((await get(call, '?since=yesterday')).status).toBe(400)
    const rare = await follow(call, '?type=custom.rare')
    expect(rare.events).toEqual([])
    expect((await follow(call, '?limit=200')).events).toHaveLength(6_003)
  })

  test('shows a workspace its own events only', async () => {
    const [one, other] = [await fresh(), await fresh()]
    await trigger(one, 1)
    await trigger(other, 2)
    await placed(t)
    expect(numbers((await get(one)).body.items)).toEqual([1])
    const { cursor } = (await get(one)).body
    expect((await get(other, `?cursor=${cursor}`)).body).toMatchObject({ status: 400, code: 'cursor.invalid' })
  })

  test('tells who sees certain categories of these alone', async () => {
    const at = (await get(t.owner, '?limit=200')).body.cursor
    const limited = await aKeyWith(t, { permissions: ['prompts:read', 'notifications:read'], categories: ['open'] })
    for (const category of ['open', 'closed']) {
      const { id } = (await t.owner('POST', '/prompts', { content: 'Hi', category, name: 'n' })).body
      await t.owner('PUT', `/prompts/${id}`, { category: `${category} and moved` })
      await t.owner('POST', `/prompts/${id}/fork`, { name: 'fork' })
    }
    await trigger(t.owner, 1)
    await placed(t)
    const { events } = await follow(limited, `?cursor=${at}`)
    expect(events.map(({ type, data }) => `${type} ${data.category}`)).toEqual([
      'prompt.created open',
      'prompt.label_moved open',
      'custom.counted undefined',
    ])
    const all = await follow(t.owner, `?cursor=${at}`)
    expect(all.events.map(({ type }) => type)).toEqual(expect.arrayContaining(['relationship.created', 'prompt.forked', 'key.created']))
    const { body } = await limited('GET', '/notifications/stats')
    const counted = body.events.byType.map(({ type }: { type: string }) => type)
    expect(counted).not.toEqual(expect.arrayContaining(['relationship.created']))
    expect(counted.filter((type: string) => !/^(prompt\.(created|label_moved)|custom\.)/.test(type))).toEqual([])
  })

  test('refuses a cursor that was tampered with, and patterns and times of a wrong form', async () => {
    const { cursor } = (await get(t.owner)).body
    const body = Buffer.from(JSON.stringify([0])).toString('base64url')
    for (const wrong of [`${cursor}x`, `${body}.${cursor.split('.')[1]}`, 'x'])
      expect((await get(t.owner, `?cursor=${encodeURIComponent(wrong)}`)).body.code).toBe('cursor.invalid')
    for (const query of ['?type=Prompt', '?type=*', '?type=prompt*', '?type=', `?${'type=a.b&'.repeat(21)}`, '?more=1', '?limit=0'])
      expect([query, (await get(t.owner, query)).status]).toEqual([query, 400])
  })

  test('says of a cursor of what a restored backup does not have that it is gone', async () => {
    const call = await fresh()
    await trigger(call, 1)
    await placed(t)
    const before = (await get(call)).body.cursor
    await trigger(call, 2)
    await placed(t)
    const after = (await get(call)).body.cursor
    // The same position with another event: what a store tells that was set back, and went on from there.
    await t.database.query(`update outbox set created_at = created_at + interval '1 hour' where workspace_id = $1 and data->>'n' = '2'`, [
      call.workspaceId,
    ])
    expect((await get(call, `?cursor=${after}`)).body).toMatchObject({ status: 410, code: 'events.gone' })
    expect((await get(call, `?cursor=${after}`)).body.detail).toContain('set back')
    expect(numbers((await get(call, `?cursor=${before}`)).body.items)).toEqual([2])
  })
})

describe('POST /notifications/trigger', () => {
  test('tells an event, and names the id that it has in the log', async () => {
    const call = await fresh()
    const { status, body } = await call('POST', '/notifications/trigger', {
      type: 'custom.deploy.finished',
      subject: 'api',
      data: { ok: true },
    })
    expect([status, body]).toEqual([
      202,
      { id: expect.any(String), type: 'custom.deploy.finished', subject: 'api', timestamp: expect.any(String) },
    ])
    expect((await trigger(call, 2, { data: undefined })).body.subject).toBe(call.workspaceId)
    await placed(t)
    const { items } = (await get(call)).body
    expect(items[0]).toMatchObject({ ...body, data: { ok: true } })
    expect(items[1].data).toEqual({})
  })

  test('tells it once for one Idempotency-Key', async () => {
    const call = await fresh()
    const send = () => call('POST', '/notifications/trigger', { type: 'custom.counted', data: { n: 1 } }, { 'idempotency-key': 'once' })
    const [first, second] = [await send(), await send()]
    expect([second.body, second.headers.get('idempotency-replayed')]).toEqual([first.body, 'true'])
    await placed(t)
    expect((await get(call)).body.items).toHaveLength(1)
  })

  test('takes data up to 64 kB, and types of its own alone', async () => {
    const call = await fresh()
    const sized = (bytes: number) => ({ text: 'x'.repeat(bytes - '{"text":""}'.length) })
    expect((await trigger(call, 1, { data: sized(65_536) })).status).toBe(202)
    expect((await trigger(call, 1, { data: sized(65_537) })).body).toMatchObject({ status: 413, code: 'event.too_large' })
    for (const type of ['prompt.created', 'custom', 'custom.', 'custom.A', 'custom.a.b.c.d.e', `custom.${'a'.repeat(41)}`])
      expect([type, (await trigger(call, 1, { type })).status]).toEqual([type, 400])
    expect((await trigger(call, 1, { subject: 'x'.repeat(201) })).status).toBe(400)
  })
})

test('GET /notifications/event-types lists every type with its schema', async () => {
  const { items } = (await t.owner('GET', '/notifications/event-types')).body
  expect(items.find(({ type }: { type: string }) => type === 'prompt.created')).toEqual({
    type: 'prompt.created',
    description: expect.any(String),
    schema: expect.objectContaining({ type: 'object', required: ['category', 'name', 'version'] }),
  })
})

test('GET /notifications/stats counts the log by type', async () => {
  const call = await fresh()
  const none = { total: 0, byType: [], oldest: null, newest: null }
  expect((await call('GET', '/notifications/stats')).body).toMatchObject({ events: none, retentionDays: 90 })
  await trigger(call, 1)
  await trigger(call, 2)
  await call('POST', '/prompts', { content: 'Hi', name: 'n' })
  await placed(t)
  const { events, feed } = (await call('GET', '/notifications/stats')).body
  expect(events).toMatchObject({
    total: 4,
    byType: [
      { type: 'custom.counted', count: 2 },
      { type: 'prompt.created', count: 1 },
      { type: 'prompt.label_moved', count: 1 },
    ],
  })
  expect(events.oldest <= events.newest).toBe(true)
  expect(feed.lag).toBeGreaterThanOrEqual(0)
})
