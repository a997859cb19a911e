import { Writable } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endpoint } from '../../core/endpoint.ts'
import { defineModule } from '../../core/module.ts'
import { Strict } from '../../core/schemas.ts'
import { raw } from '../../core/testing/raw.ts'
import { bootstrapKey, startTestApp, type TestApp } from '../../testing/index.ts'
import { createLog } from './log.ts'

let written = ''
const log = createLog(
  'trace',
  new Writable({
    write: (chunk, _encoding, done) => {
      written += chunk
      done()
    },
  }),
) as FastifyBaseLogger
const fault = endpoint({
  name: 'probe.fault',
  method: 'GET',
  path: '/probe/fault',
  access: 'probe:read',
  summary: 'Fail',
  reply: Strict({}),
  handle: async () => {
    throw new Error('the probe fails', { cause: new Error('because of this') })
  },
})

let t: TestApp
let id: string
beforeAll(async () => {
  t = await startTestApp({ log, extraModules: [defineModule({ name: 'probe', endpoints: [fault] })] })
  id = (await t.owner('POST', '/prompts', { content: 'Hi {{who}}', category: 'tele', name: 'metry' })).body.id
})
afterAll(() => t.stop())

/** Samples by name and labels, as Prometheus would read them. */
async function scrape(): Promise<Map<string, number>> {
  const { text } = await t.owner('GET', '//metrics')
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))
}
const requests = (method: string, route: string, status: number) =>
  `promptstore_http_requests_total{method="${method}",route="${route}",status="${status}"}`
const count = (method: string, route: string) => `promptstore_http_request_duration_seconds_count{method="${method}",route="${route}"}`

describe('/metrics', () => {
  test('is the Prometheus text format, and needs a key when there are keys', async () => {
    const { status, headers, text } = await t.owner('GET', '//metrics')
    expect([status, headers.get('content-type')]).toEqual([200, expect.stringMatching(/^text\/plain; version=0\.0\.4/)])
    for (const line of text.split('\n').filter((one) => one !== ''))
      expect(line).toMatch(/^(# (HELP|TYPE) promptstore_\w+ .+|promptstore_\w+(\{.*\})? -?(\d|NaN|\+?Inf).*)$/)
    const { status: refused, body } = await t.anonymous('GET', '//metrics')
    expect([refused, body.code]).toEqual([401, 'auth.required'])
  })

  test('counts requests and their durations by route template, on the usual way and on the fast lane', async () => {
    const before = await scrape()
    const grown = async (name: string) => (await scrape()).get(name)! - (before.get(name) ?? 0)
    for (let n = 0; n < 3; n++) await t.owner('GET', `/prompts/${id}`)
    for (let n = 0; n < 4; n++) await t.owner('GET', '/prompts/search/tele/metry')
    await t.owner('GET', '/prompts/01900000-0000-7000-8000-000000000000')
    expect(await grown(requests('GET', '/api/v1/prompts/:id', 200))).toBe(3)
    expect(await grown(requests('GET', '/api/v1/prompts/:id', 404))).toBe(1)
    expect(await grown(count('GET', '/api/v1/prompts/:id'))).toBe(4)
    expect(await grown(requests('GET', '/api/v1/prompts/search/:category/:name', 200))).toBe(4)
    expect(await grown(count('GET', '/api/v1/prompts/search/:category/:name'))).toBe(4)
  })

  test('counts failures, and throws together what has no route', async () => {
    await t.owner('GET', '/probe/fault')
    await t.owner('GET', '/nothing/here')
    await t.owner('GET', '/nothing/there?q=1')
    const samples = await scrape()
    expect(samples.get(requests('GET', '/api/v1/probe/fault', 500))).toBe(1)
    expect(samples.get(requests('GET', 'unmatched', 404))).toBeGreaterThanOrEqual(2)
  })

  test('holds no id, name or other thing of a caller in its labels', async () => {
    const text = [...(await scrape()).keys()].join('\n')
    expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-|tele|metry|nothing|[?%]/)
  })

  test('tells of the pool, the event loop, the caches by level, and the outbox', async () => {
    const samples = await scrape()
    const names = [
      ...['busy', 'idle', 'waiting'].map((state) => `promptstore_database_connections{state="${state}"}`),
      'promptstore_nodejs_eventloop_lag_seconds',
      'promptstore_nodejs_eventloop_lag_p99_seconds',
      'promptstore_process_resident_memory_bytes',
      'promptstore_outbox_lag',
      'promptstore_feed_age_seconds',
      'promptstore_feed_leader',
      ...['hit', 'miss'].flatMap((outcome) =>
        ['served', 'bodies'].map((area) => `promptstore_cache_lookups{level="1",area="${area}",outcome="${outcome}"}`),
      ),
      ...['hit', 'miss', 'error'].map((outcome) => `promptstore_cache_lookups{level="2",area="bodies",outcome="${outcome}"}`),
      'promptstore_cache_entries{level="1",area="served"}',
      'promptstore_cache_bytes{level="1",area="served"}',
    ]
    expect(names.filter((name) => !Number.isFinite(samples.get(name)))).toEqual([])
    expect(samples.get('promptstore_cache_lookups{level="1",area="served",outcome="miss"}')).toBeGreaterThan(0)
  })
})

describe('the log', () => {
  const lines = () =>
    written
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown> & { err?: { message: string; stack: string; cause: { message: string } } })

  test('is JSON, a line each, with the time and the name of the service', async () => {
    await t.owner('GET', `/prompts/${id}`)
    expect(lines().length).toBeGreaterThan(0)
    for (const line of lines())
      expect(line).toMatchObject({
        service: 'prompt-store',
        level: expect.any(Number),
        time: expect.stringMatching(/^\d{4}-.+Z$/),
        msg: expect.any(String),
      })
  })

  test('tells of a request its route and its id, and of a fault of ours everything', async () => {
    await t.owner('GET', '/probe/fault', undefined, { 'x-request-id': 'look-for-me' })
    const ours = lines().filter((line) => [line.requestId, line.reqId].includes('look-for-me'))
    expect(ours).toContainEqual(expect.objectContaining({ route: '/api/v1/probe/fault', status: 500, method: 'GET' }))
    const { err } = ours.find((line) => line.err)!
    expect([err?.message, err?.cause.message, err?.stack.includes('telemetry.test.ts')]).toEqual([
      'the probe fails',
      'because of this',
      true,
    ])
  })

  test('holds no key and no value of a variable, whatever happens to the request', async () => {
    const secret = 'hunter2-very-secret'
    const key = `ps_wrong_${secret}`
    const headers = { authorization: `Bearer ${key}`, cookie: `session=${secret}`, 'x-api-key': secret }
    await t.owner('GET', `/prompts/search/tele/metry?var.who=${secret}`)
    await t.owner('GET', `/prompts/search/tele/none?var.who=${secret}`)
    await t.owner('GET', `/prompts/search/tele/metry?var.who=${secret}&unknown=${secret}`)
    await t.owner('POST', `/prompts/${id}/render`, { variables: { who: secret } })
    await t.owner('POST', `/prompts/${id}/render`, { variables: { other: secret } })
    await t.owner('POST', '/prompts/resolve', `{"variables":{"who":"${secret}"`)
    await t.owner('GET', `/probe/fault?var.who=${secret}`)
    await t.owner('GET', `/nowhere?var.who=${secret}`)
    for (const path of [
      '/api/v1/prompts',
      `/api/v1/prompts/search/tele/metry?var.who=${secret}`,
      `/nothing?key=${secret}`,
      `/api/v1/prompts/%zz?key=${secret}`,
    ])
      await raw(t.url, { path, headers })
    await raw(t.url, { path: '/api/v1/prompts', headers: { ...headers, 'x-long': 'x'.repeat(20_000) } }).catch(() => undefined)
    expect(written).not.toContain(secret)
    expect(written).not.toContain(bootstrapKey)
  })
})
