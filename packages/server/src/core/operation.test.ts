import { Type } from 'typebox'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bootstrapKey, startTestApp, type TestApp } from '../testing/index.ts'
import { endpoint, serve } from './endpoint.ts'
import { eventStreamType } from './event-stream.ts'
import { defineModule } from './module.ts'
import { type Operation, operationFields, progressStream, untilOver } from './operation.ts'
import { Strict } from './schemas.ts'
import { listenTo } from './testing/events.ts'

/** The one piece of long work that there is; tests push it on. */
let work: Operation
const fresh: Operation = { status: 'queued', progress: { done: 0, total: 3 } }
beforeEach(() => {
  work = fresh
})
const shown = () => ({ ...work, startedAt: null, finishedAt: null, error: null })

const begin = endpoint({
  name: 'probe.begin',
  method: 'POST',
  path: '/probe/work',
  access: 'probe:write',
  summary: 'Begin the work',
  body: Strict({ note: Type.Optional(Type.String()) }),
  status: 202,
  reply: Strict(operationFields),
  location: () => '/probe/work',
  awaited: (_reply, waitMs) => untilOver(async () => shown(), waitMs),
  handle: (_input, ctx) => ctx.transact(async () => shown()),
})
const watch = serve({
  name: 'probe.watch',
  method: 'GET',
  path: '/probe/work/events',
  access: 'probe:read',
  summary: 'Watch the work',
  reply: Type.String(),
  replyType: eventStreamType,
  handle: async (_input, _ctx, headers) => progressStream(async () => shown(), headers['last-event-id']),
})

let t: TestApp
beforeAll(async () => {
  t = await startTestApp({ extraModules: [defineModule({ name: 'probe', endpoints: [begin, watch] })] })
})
afterAll(() => t.stop())

const send = (headers: Record<string, string>) => t.owner('POST', '/probe/work', {}, headers)
const finishSoon = () => setTimeout(() => (work = { status: 'succeeded', progress: { done: 3, total: 3 } }), 60)

describe('long work', () => {
  test('is answered at once, with its address, to who does not wait', async () => {
    const { status, headers, body } = await send({})
    expect([status, headers.get('location'), headers.get('preference-applied'), body.status]).toEqual([
      202,
      '/api/v1/probe/work',
      null,
      'queued',
    ])
  })

  test('is answered when it is done to who waits, and then it is 200', async () => {
    finishSoon()
    const { status, headers, body } = await send({ prefer: 'respond-async, wait=20' })
    expect([status, headers.get('preference-applied'), body.status]).toEqual([200, 'wait=20', 'succeeded'])
  })

  test('that is not done in time is answered as it stands', async () => {
    const { status, body } = await send({ prefer: 'wait=1' })
    expect([status, body.status]).toEqual([202, 'queued'])
  })

  test.each(['wait=soon', 'wait=-1', 'await=5', 'handling=lenient'])(
    'a preference that says nothing of the kind is ignored: %s',
    async (prefer) => {
      const { status, headers } = await send({ prefer })
      expect([status, headers.get('preference-applied')]).toEqual([202, null])
    },
  )

  test('is waited for after the commit, also when the answer is a stored one', async () => {
    const key = { 'idempotency-key': `work-${Math.random()}` }
    expect((await send(key)).body.status).toBe('queued')
    finishSoon()
    const { status, headers, body } = await send({ ...key, prefer: 'wait=20' })
    expect([status, headers.get('idempotency-replayed'), body.status]).toEqual([200, 'true', 'succeeded'])
  })
})

describe('the progress of long work as a stream', () => {
  const listen = (after?: string) => listenTo(`${t.url}/api/v1/probe/work/events`, { key: bootstrapKey, ...(after && { after }) })

  test('tells how it stands, each move, and the end, and ends then', async () => {
    const { headers, events, ended } = await listen()
    await expect.poll(() => events.length).toBe(1)
    work = { status: 'running', progress: { done: 1, total: 3 } }
    await expect.poll(() => events.length).toBe(2)
    finishSoon()
    await ended
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8')
    expect(events.map(({ id, event, data }) => [id, event, (data as Operation).progress.done])).toEqual([
      ['queued.0.3', 'progress', 0],
      ['running.1.3', 'progress', 1],
      ['succeeded.3.3', 'finished', 3],
    ])
  })

  test('tells who comes back what is new to it, and nothing twice', async () => {
    work = { status: 'running', progress: { done: 1, total: 3 } }
    const { events, ended } = await listen('running.1.3')
    finishSoon()
    await ended
    expect(events.map(({ id }) => id)).toEqual(['succeeded.3.3'])
  })

  test('tells the end again to who comes back after it', async () => {
    work = { status: 'failed', progress: { done: 1, total: 3 } }
    const { events, ended } = await listen('failed.1.3')
    await ended
    expect(events.map(({ event }) => event)).toEqual(['finished'])
  })

  test('needs a key and its permission like any other address', async () => {
    expect((await listenTo(`${t.url}/api/v1/probe/work/events`)).status).toBe(401)
    const reader = await t.as('prompts:read')
    expect((await reader('GET', '/probe/work/events')).status).toBe(403)
  })

  test('does not keep the service from ending, nor does one whose caller has gone', async () => {
    const other = await startTestApp({ extraModules: [defineModule({ name: 'probe', endpoints: [watch] })] })
    const address = `${other.url}/api/v1/probe/work/events`
    const gone = await listenTo(address, { key: bootstrapKey })
    gone.leave()
    const { events, ended } = await listenTo(address, { key: bootstrapKey })
    await expect.poll(() => events.length).toBe(1)
    await other.stop()
    await ended
  })
})
