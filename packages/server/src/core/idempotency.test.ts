import { Type } from 'typebox'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { aKeyWith } from '../domain/access/testing/rights-kit.ts'
import { type Call, cloneDatabase, startTestApp, type TestAnswer, type TestApp, type TestDatabase } from '../testing/index.ts'
import type { Db } from './db.ts'
import { endpoint } from './endpoint.ts'
import { AppError } from './errors.ts'
import { eventType } from './events.ts'
import { defineModule } from './module.ts'
import { PreconditionFailed } from './problem.ts'
import { Strict } from './schemas.ts'

const probed = eventType('probe.done', Strict({ note: Type.String() }), { description: 'A probe was made' })
/** How the probe is to behave at its next calls. */
let behaviour: { fail: 'no' | 'expected' | 'unexpected'; gate: Promise<void>; entered: () => void; calls: number }
beforeEach(() => {
  behaviour = { fail: 'no', gate: Promise.resolve(), entered: () => undefined, calls: 0 }
})

/** Changes something (an event), waits at the gate, and then fails if it is told to: after its change. */
const change = endpoint({
  name: 'probe.change',
  method: 'POST',
  path: '/probe/change',
  access: 'probe:write',
  summary: 'Change something',
  body: Strict({ note: Type.String() }),
  status: 201,
  reply: Strict({ note: Type.String(), call: Type.Integer() }),
  errors: [PreconditionFailed],
  etag: ({ call }) => `call-${call}`,
  location: ({ call }) => `/probe/${call}`,
  handle: ({ body }, ctx) =>
    ctx.transact(async (tx) => {
      const call = ++behaviour.calls
      await ctx.emit(tx, [probed(body.note, { note: body.note })])
      behaviour.entered()
      await behaviour.gate
      if (behaviour.fail === 'expected') throw new AppError(PreconditionFailed, 'Not now.')
      if (behaviour.fail === 'unexpected') throw new Error('the handler fails after its change')
      return { note: body.note, call }
    }),
})
const look = endpoint({
  name: 'probe.look',
  method: 'POST',
  path: '/probe/look',
  access: 'probe:read',
  summary: 'Only look',
  readOnly: true,
  body: Strict({ note: Type.String() }),
  reply: Strict({ call: Type.Integer() }),
  handle: async () => ({ call: ++behaviour.calls }),
})
/** Sees prompts before, during and after overlapping reads, and as what callers share. */
const see = endpoint({
  name: 'probe.see',
  method: 'POST',
  path: '/probe/see',
  access: 'prompts:write',
  summary: 'See prompts',
  reply: Strict({ read: Type.Array(Type.String()), all: Type.Array(Type.String()), within: Type.Array(Type.String()) }),
  handle: async (_, ctx) => {
    const categories = async (db: Db) =>
      (await db.selectFrom('prompt').select('category').distinct().orderBy('category').execute()).map(({ category }) => category)
    const reads = [1, 2, 3].map((n) =>
      ctx.read(async (db) => {
        for (let i = 0; i < n; i++) await categories(db)
        return categories(db)
      }),
    )
    const [read] = (await Promise.all(reads)).toSorted((a, b) => b.length - a.length)
    return { read: read!, all: await ctx.readAll(categories), within: await ctx.transact(categories) }
  },
})

let database: TestDatabase
let t: TestApp
let now = Date.parse('2030-01-01T00:00:00Z')
beforeAll(async () => {
  database = await cloneDatabase()
  t = await startTestApp({
    database,
    clock: () => new Date(now).toISOString(),
    extraModules: [defineModule({ name: 'probe', endpoints: [change, look, see], events: [probed] })],
  })
})
afterAll(async () => {
  await t.stop()
  await database.drop()
})

const post = (key: string, note = key, call: Call = t.owner): Promise<TestAnswer> =>
  call('POST', '/probe/change', { note }, { 'idempotency-key': key })
const effects = async (note: string): Promise<number> => (await database.query('select 1 from outbox where subject = $1', [note])).length
const stored = async (key: string): Promise<number> => (await database.query('select 1 from idempotency_key where key = $1', [key])).length

describe('the same key and body', () => {
  test('are answered alike, marked as replayed, and change once', async () => {
    const [first, second] = [await post('same'), await post('same')]
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null])
    expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([201, 'true'])
    expect(second.text).toBe(first.text)
    for (const name of ['location', 'etag', 'content-type', 'x-consistency-token'])
      expect([name, second.headers.get(name)]).toEqual([name, first.headers.get(name)])
    expect([first.headers.get('location'), first.headers.get('etag')]).toEqual(['/api/v1/probe/1', '"call-1"'])
    expect(await effects('same')).toBe(1)
  })

  test('make one prompt, and one deletion without a body', async () => {
    const key = { 'idempotency-key': 'prompt' }
    const made = await Promise.all([1, 2].map(() => t.owner('POST', '/prompts', { content: 'c', category: 'idem', name: 'once' }, key)))
    const again = await t.owner('POST', '/prompts', { content: 'c', category: 'idem', name: 'once' }, key)
    expect(made.map(({ status }) => status).filter((status) => ![201, 409].includes(status))).toEqual([])
    expect(again.status).toBe(201)
    const remove = () => t.owner('DELETE', `/prompts/${again.body.id}`, undefined, { 'idempotency-key': 'removed' })
    expect([(await remove()).status, (await remove()).status]).toEqual([204, 204])
    expect((await t.owner('DELETE', `/prompts/${again.body.id}`)).status).toBe(404)
  })

  test('in parallel change once: the others are told to wait, or get the stored answer', async () => {
    let open = () => {}
    behaviour.gate = new Promise((resolve) => {
      open = resolve
    })
    const entered = new Promise<void>((resolve) => {
      behaviour.entered = resolve
    })
    const first = post('parallel')
    await entered
    const during = await Promise.all([1, 2, 3].map(() => post('parallel')))
    for (const { status, body, headers } of during)
      expect([status, body.code, headers.get('retry-after')]).toEqual([409, 'idempotency.in_progress', '1'])
    open()
    expect((await first).status).toBe(201)
    const storm = await Promise.all(Array.from({ length: 20 }, () => post('storm')))
    expect([...new Set(storm.map(({ status }) => status))].filter((status) => status !== 201 && status !== 409)).toEqual([])
    expect(storm.filter(({ status, headers }) => status === 201 && headers.get('idempotency-replayed') === null)).toHaveLength(1)
    expect([await effects('parallel'), await effects('storm')]).toEqual([1, 1])
  })
})

describe('the same key for another request', () => {
  test.each<[string, (call: Call) => Promise<TestAnswer>]>([
    ['another body', (call) => call('POST', '/probe/change', { note: 'else' }, { 'idempotency-key': 'other' })],
    ['another address', (call) => call('POST', '/prompts', { content: 'c' }, { 'idempotency-key': 'other' })],
    [
      'another method',
      (call) => call('DELETE', '/prompts/01900000-0000-7000-8000-000000000000', undefined, { 'idempotency-key': 'other' }),
    ],
  ])('is refused with 422: %s', async (_, send) => {
    await post('other')
    const { status, body } = await send(t.owner)
    expect([status, body.code]).toEqual([422, 'idempotency.mismatch'])
  })

  test('is of another principal, or of another workspace: a request of its own', async () => {
    const colleague = await t.as('probe:write')
    const stranger = await t.stranger()
    for (const [call, note] of [
      [t.owner, 'a'],
      [colleague, 'b'],
      [stranger, 'c'],
    ] as const) {
      const { status, body, headers } = await post('shared', note, call)
      expect([status, body.note, headers.get('idempotency-replayed')]).toEqual([201, note, null])
    }
    expect((await post('shared', 'b', colleague)).headers.get('idempotency-replayed')).toBe('true')
  })
})

describe('a failure', () => {
  test.each(['expected', 'unexpected'] as const)(
    'that is %s takes the change back, is not stored, and can be tried again',
    async (kind) => {
      const key = `failing-${kind}`
      behaviour.fail = kind
      expect((await post(key)).status).toBe(kind === 'expected' ? 412 : 500)
      expect([behaviour.calls, await effects(key), await stored(key)]).toEqual([1, 0, 0])
      behaviour.fail = 'no'
      const again = await post(key)
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, null])
      expect([await effects(key), await stored(key)]).toEqual([1, 1])
    },
  )

  test('of the schema is not stored either', async () => {
    expect((await t.owner('POST', '/probe/change', {}, { 'idempotency-key': 'schema' })).status).toBe(400)
    expect((await post('schema')).status).toBe(201)
  })

  test('to store the answer takes the change back: both are there or neither', async () => {
    await database.query(`alter table idempotency_key add constraint no_luck check (key <> 'no-luck')`)
    expect((await post('no-luck')).status).toBe(500)
    await database.query('alter table idempotency_key drop constraint no_luck')
    expect([behaviour.calls, await effects('no-luck'), await stored('no-luck')]).toEqual([1, 0, 0])
    expect((await post('no-luck')).status).toBe(201)
  })
})

describe('a key', () => {
  test('is 1 to 255 printable ASCII characters; anything else is 400', async () => {
    for (const key of ['x', 'k'.repeat(255), '!"#~']) expect([key, (await post(key)).status]).toEqual([key, 201])
    for (const key of ['', 'k'.repeat(256), 'two words', 'ü']) {
      const { status, body } = await post(key, 'refused')
      expect([key, status, body.code]).toEqual([key, 400, 'request.invalid'])
    }
    expect(await effects('refused')).toBe(0)
  })

  test('show a caller who is limited to categories no other prompts, as without a key', async () => {
    for (const category of ['open', 'secret']) await t.owner('POST', '/prompts', { content: 'c', category })
    const permissions = ['prompts:read', 'prompts:write']
    const limited = await aKeyWith(t, { permissions, categories: ['open'] })
    for (const headers of [{}, { 'idempotency-key': 'limited' }] as Record<string, string>[]) {
      const { body } = await limited('POST', '/probe/see', undefined, headers)
      expect(body.read).toEqual(['open'])
      for (const shared of [body.all, body.within]) expect(shared).toEqual(expect.arrayContaining(['open', 'secret']))
      const everything = (await t.owner('POST', '/probe/see', undefined, headers)).body
      expect(everything.read).toEqual(everything.all)
    }
  })

  test('means nothing to a POST that only reads', async () => {
    const call = () => t.owner('POST', '/probe/look', { note: 'n' }, { 'idempotency-key': 'look' })
    expect([(await call()).body.call, (await call()).body.call]).toEqual([1, 2])
    expect(await stored('look')).toBe(0)
  })

  test('holds for 24 hours; then the request is a new one, and the job takes old rows away', async () => {
    await post('aging')
    now += 24 * 3_600_000 - 1_000
    expect((await post('aging')).headers.get('idempotency-replayed')).toBe('true')
    now += 2_000
    const late = await post('aging')
    expect([late.status, late.headers.get('idempotency-replayed'), await effects('aging')]).toEqual([201, null, 2])
    expect((await post('aging')).headers.get('idempotency-replayed')).toBe('true')
    await post('old')
    now += 25 * 3_600_000
    await post('young')
    await purge()
    expect([await stored('old'), await stored('young')]).toEqual([0, 1])
  })

  /** What the queue runs once an hour. */
  async function purge(): Promise<void> {
    const job = t.app.modules.flatMap(({ jobs }) => jobs ?? []).find(({ name }) => name === 'core.purge_idempotency_keys')!
    const principal = {
      id: 'test',
      workspaceId: '00000000-0000-7000-8000-000000000001',
      permissions: new Set<string>(),
      instanceAdmin: false,
    }
    await job.run({}, t.app.runtime.contextFor(principal, { requestId: 'purge' }))
  }
})
