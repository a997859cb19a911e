import { sql } from 'kysely'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import type { Ctx } from '../context.ts'
import { endpoint } from '../endpoint.ts'
import { AppError, errorCatalogue } from '../errors.ts'
import { job } from '../jobs.ts'
import { defineModule } from '../module.ts'
import { Internal, problemOf, unavailable } from '../problem.ts'
import { Strict } from '../schemas.ts'

/** What a handler may throw: faults of ours, of the database, of no kind at all. */
const faults: Readonly<Record<string, (ctx: Ctx) => unknown>> = {
  error: () => {
    throw new Error('select secret from hidden.table at /srv/app/x.ts:1')
  },
  text: () => {
    throw 'a thrown text of /etc/passwd'
  },
  rejected: () => Promise.reject(Object.assign(new TypeError('x is not a function'), { statusCode: 418, code: 'ESECRET' })),
  sql: (ctx) => ctx.read((db) => sql`select hidden_column from prompt`.execute(db)),
  constraint: (ctx) =>
    ctx.transact((tx) => sql`insert into prompt_label (prompt_id, label, version) values (${ctx.newId()}, 'latest', 1)`.execute(tx)),
  reply: () => ({ unexpected: 'a reply that its schema does not allow' }),
}
const fault = endpoint({
  name: 'probe.fault',
  method: 'POST',
  path: '/probe/fault/:which',
  access: 'probe:write',
  summary: 'Fail in some way',
  params: Strict({ which: Type.String() }),
  reply: Strict({ done: Type.Boolean() }),
  handle: async ({ params }, ctx) => (await faults[params.which]!(ctx)) as never,
})
const away = endpoint({
  name: 'probe.away',
  method: 'GET',
  path: '/probe/away',
  access: 'probe:read',
  summary: 'Be away',
  reply: Strict({}),
  handle: async () => {
    throw unavailable('Gone fishing.', 7)
  },
})
const seen: { traceparent: string | undefined; requestId: string; actor: string }[] = []
const notice = job({
  name: 'probe.notice',
  payload: Strict({}),
  retries: 0,
  run: async (_payload, { traceparent, requestId, actor }) => void seen.push({ traceparent, requestId, actor: actor.id }),
})
const trace = endpoint({
  name: 'probe.trace',
  method: 'POST',
  path: '/probe/trace',
  access: 'probe:write',
  summary: 'Tell the trace, here and in a job',
  reply: Strict({ traceparent: Type.String(), requestId: Type.String() }),
  handle: async (_input, ctx) => {
    await ctx.transact((tx) => ctx.enqueue(tx, notice, {}))
    return { traceparent: ctx.traceparent ?? 'none', requestId: ctx.requestId }
  },
})

let t: TestApp
beforeAll(async () => {
  t = await startTestApp({ extraModules: [defineModule({ name: 'probe', endpoints: [fault, away, trace], jobs: [notice] })] })
})
afterAll(() => t.stop())

describe('a fault of ours', () => {
  test.each(Object.keys(faults))('is a 500 that tells nothing but the request id: %s', async (which) => {
    const { status, body, text, headers } = await t.owner('POST', `/probe/fault/${which}`)
    const requestId = headers.get('x-request-id')!
    expect([status, headers.get('content-type')]).toEqual([500, 'application/problem+json; charset=utf-8'])
    expect(body).toEqual({
      type: '/docs/errors/internal',
      title: Internal.title,
      status: 500,
      code: 'internal',
      instance: `/api/v1/probe/fault/${which}`,
      requestId,
      detail: 'The failure was logged under the request id. Nothing that was acknowledged is lost.',
    })
    expect(text).not.toMatch(/select|hidden|secret|passwd|\.ts|node_modules|stack|check|ESECRET/i)
  })

  test('leaves the service as it was', async () => {
    await expect.poll(async () => (await t.anonymous('GET', '//readyz')).status).toBe(200)
    expect(await t.database.query('select 1 from prompt_label')).toEqual([])
  })
})

test('a failure with headers of its own answers them: Retry-After on 503', async () => {
  const { status, headers, body } = await t.owner('GET', '/probe/away')
  expect([status, headers.get('retry-after'), body.code, body.detail]).toEqual([503, '7', 'service.unavailable', 'Gone fishing.'])
})

test('what a failure adds cannot replace what every problem says', () => {
  const failure = new AppError(Internal, 'detail', { members: { status: 200, code: 'fine', more: 1 } })
  expect(problemOf(failure, { instance: '/x', requestId: 'r' })).toMatchObject({ status: 500, code: 'internal', more: 1 })
})

describe('a trace', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

  test('is carried into the context and into jobs, with the request id and who began it', async () => {
    const { body } = await t.owner('POST', '/probe/trace', undefined, { traceparent, 'x-request-id': 'begun-here' })
    expect(body).toEqual({ traceparent, requestId: 'begun-here' })
    await expect.poll(() => seen).toContainEqual({ traceparent, requestId: 'begun-here', actor: 'bootstrap' })
  })

  test('that is broken is left out, here and there', async () => {
    const { body } = await t.owner('POST', '/probe/trace', undefined, { traceparent: '00-xyz', 'x-request-id': 'without' })
    expect(body.traceparent).toBe('none')
    await expect
      .poll(() => seen.find(({ requestId }) => requestId === 'without'))
      .toEqual({ traceparent: undefined, requestId: 'without', actor: 'bootstrap' })
  })
})

describe('where the type of a problem leads', () => {
  test('there is a page for every failure, and a list of them all', async () => {
    const index = await t.anonymous('GET', '//docs/errors')
    expect([index.status, index.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(errorCatalogue().length).toBeGreaterThan(35)
    for (const { code, status } of errorCatalogue()) {
      const page = await t.anonymous('GET', `//docs/errors/${code}`)
      expect([code, page.status, page.headers.get('content-type')]).toEqual([code, 200, 'text/html; charset=utf-8'])
      expect(page.text).toContain(`<code>${code}</code> · HTTP ${status}`)
      expect([code, /<p>[A-Z][^<]{10,}/.test(page.text.split('</p>')[1]!)]).toEqual([code, true])
      expect(index.text).toContain(`href="/docs/errors/${code}"`)
    }
  })

  test('the pages ask nothing of other hosts', async () => {
    for (const path of ['//docs/errors', '//docs/errors/internal']) expect((await t.anonymous('GET', path)).text).not.toMatch(/https?:\/\//)
  })

  test('an unknown code is 404, not a page', async () => {
    const { status, body } = await t.anonymous('GET', '//docs/errors/no.such_error')
    expect([status, body.code]).toEqual([404, 'route.not_found'])
  })
})
