import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { SpanStatusCode } from '@opentelemetry/api'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import protobuf from 'protobufjs/light.js'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bootstrapKey } from '../../testing/index.ts'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

let t: Measured
beforeAll(async () => {
  t = await startMeasured()
})
afterAll(() => t.stop())
afterEach(async () => {
  for (const table of ['usage_event', 'usage_event_id']) await t.database.query(`delete from ${table}`)
})

type Fields = Readonly<Record<string, unknown>>
const headers = { authorization: `Bearer ${bootstrapKey}` }
const send = async (body: string | Buffer, more: Record<string, string> = {}) => {
  const answer = await fetch(`${t.url}/otlp/v1/traces`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', ...more },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  })
  const bytes = Buffer.from(await answer.arrayBuffer())
  return {
    status: answer.status,
    headers: answer.headers,
    bytes,
    json: answer.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(bytes.toString()) : undefined,
  }
}
const attribute = (key: string, value: unknown) => ({
  key,
  value: typeof value === 'number' ? { intValue: value } : typeof value === 'boolean' ? { boolValue: value } : { stringValue: value },
})
const attributesOf = (all: Fields) => Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [attribute(key, value)]))
const genAi = (more: Fields = {}) => ({
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': 'gpt-4o',
  'gen_ai.usage.input_tokens': 1000,
  'gen_ai.usage.output_tokens': 100,
  'prompt.id': t.promptId,
  ...more,
})
const nano = (ms: number) => `${ms}000000`
const span = (attributes: Fields = genAi(), more: Fields = {}) => ({
  traceId: randomBytes(16).toString('hex'),
  spanId: randomBytes(8).toString('hex'),
  name: 'chat gpt-4o',
  kind: 3,
  startTimeUnixNano: nano(Date.now() - 250),
  endTimeUnixNano: nano(Date.now()),
  attributes: attributesOf(attributes),
  ...more,
})
const request = (...spans: unknown[]) => ({
  resourceSpans: [{ resource: { attributes: attributesOf({ 'service.name': 'shop' }) }, scopeSpans: [{ scope: { name: 'test' }, spans }] }],
})
const tell = (...spans: unknown[]) => send(JSON.stringify(request(...spans)))
const counts = (answer: { headers: Headers }) => answer.headers.get('x-otlp-spans')

type Stored = Record<string, unknown> & { metadata: unknown }
const stored = async (): Promise<Stored[]> => {
  const { text } = await t.owner('GET', '/analytics/export')
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

describe('an application that is instrumented with OpenTelemetry', () => {
  const exporting = async (exporter: SpanExporter, work: (tracer: ReturnType<TracerProvider['getTracer']>) => void) => {
    const provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'shop' }),
      spanProcessors: [new BatchSpanProcessor({ exporter })],
    })
    work(provider.getTracer('test'))
    await provider.forceFlush()
    await provider.shutdown()
  }
  const play = (tracer: ReturnType<TracerProvider['getTracer']>) => {
    tracer.startSpan('GET /', { attributes: { 'http.request.method': 'GET' } }).end()
    const good = tracer.startSpan('chat gpt-4o', {
      attributes: genAi({
        'gen_ai.response.model': 'gpt-4o-2024-08-06',
        'gen_ai.usage.cache_read.input_tokens': 400,
        'gen_ai.response.finish_reasons': ['stop'],
        'gen_ai.conversation.id': 'c1',
        'user.id': 'u1',
        'prompt.version': 2,
        'prompt.label': 'production',
      }) as never,
    })
    good.end(Date.now() + 300)
    const failed = tracer.startSpan('chat gpt-4o', { attributes: { ...genAi(), 'error.type': 'timeout' } as never })
    failed.setStatus({ code: SpanStatusCode.ERROR })
    failed.end()
  }

  for (const [name, make] of [
    ['JSON', (url: string) => new JsonExporter({ url, headers })],
    ['protobuf', (url: string) => new ProtobufExporter({ url, headers })],
    ['protobuf with gzip', (url: string) => new ProtobufExporter({ url, headers, compression: 'gzip' as never })],
  ] as const)
    test(`has its uses of prompts counted, by ${name}`, async () => {
      await exporting(make(`${t.url}/otlp/v1/traces`), play)
      const rows = (await stored()).sort((a, b) => Number(a.success) - Number(b.success))
      expect(rows).toHaveLength(2)
      expect(rows[0]).toMatchObject({ promptId: t.promptId, success: false, errorType: 'timeout', model: 'gpt-4o', provider: 'openai' })
      expect(rows[1]).toMatchObject({
        kind: 'usage',
        promptId: t.promptId,
        version: 2,
        label: 'production',
        provider: 'openai',
        model: 'gpt-4o-2024-08-06',
        operation: 'chat',
        service: 'shop',
        inputTokens: 1000,
        outputTokens: 100,
        cachedTokens: 400,
        success: true,
        sessionId: 'c1',
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
        userHash: expect.any(String),
        costUsd: expect.any(Number),
      })
      expect(rows[1]!.latencyMs).toBeGreaterThanOrEqual(300)
    })
})

describe('spans', () => {
  test('that are sent again count once', async () => {
    const [one, other] = [span(), span()]
    expect(counts(await tell(one, one))).toBe('accepted=1, duplicates=1, ignored=0, rejected=0')
    const again = await tell(one, other)
    expect([again.status, again.json, counts(again)]).toEqual([200, {}, 'accepted=1, duplicates=1, ignored=0, rejected=0'])
    expect(await stored()).toHaveLength(2)
  })

  test('without a prompt, of something else than generative AI, or around calls of models are taken and not counted', async () => {
    const answer = await tell(
      span(genAi({ 'prompt.id': undefined })),
      span({ 'http.request.method': 'GET', 'prompt.id': t.promptId }),
      span(genAi({ 'gen_ai.operation.name': 'invoke_agent' })),
      span(genAi({ 'gen_ai.operation.name': 'execute_tool' })),
    )
    expect([answer.status, answer.json, counts(answer)]).toEqual([200, {}, 'accepted=0, duplicates=0, ignored=4, rejected=0'])
    expect(await stored()).toEqual([])
  })

  test('name a prompt by category and name, with version or label, too; and earlier conventions are understood', async () => {
    await tell(span(genAi({ 'prompt.id': undefined, 'gen_ai.prompt.name': 'measured/one@2' })))
    await tell(span(genAi({ 'prompt.id': undefined, 'prompt_store.prompt': 'measured/one@staging' })))
    await tell(
      span({
        'gen_ai.system': 'anthropic',
        'gen_ai.request.model': 'claude-sonnet-4-20250514',
        'gen_ai.usage.prompt_tokens': '10',
        'gen_ai.usage.completion_tokens': 5,
        'gen_ai.usage.cache_read.input_tokens': 90,
        'prompt_store.prompt_id': t.promptId.toUpperCase(),
        'prompt_store.test_id': 'test',
        'prompt_store.unit_id': 'unit',
        'prompt_store.variant': 'b',
      }),
    )
    const rows = await stored()
    expect(rows.map(({ promptId }) => promptId)).toEqual([t.promptId, t.promptId, t.promptId])
    expect(rows.find(({ version }) => version === 2)).toBeDefined()
    expect(rows.find(({ label }) => label === 'staging')).toBeDefined()
    expect(rows.find(({ provider }) => provider === 'anthropic')).toMatchObject({
      inputTokens: 100,
      cachedTokens: 90,
      outputTokens: 5,
      variant: 'test/b',
      experiment: { testId: 'test', unitId: 'unit' },
      operation: null,
    })
  })

  test('that cannot be counted are rejected by themselves, with the reason, and the rest is taken', async () => {
    const answer = await tell(
      span(),
      span(genAi({ 'prompt.id': '01900000-0000-7000-8000-000000000000' })),
      span(genAi({ 'prompt.version': 99 })),
      span(genAi(), { traceId: '0'.repeat(32) }),
      span(genAi(), { spanId: 'xyz' }),
      span(genAi(), { endTimeUnixNano: '1' }),
      span(genAi(), { startTimeUnixNano: nano(Date.now() + 3_600_000), endTimeUnixNano: nano(Date.now() + 3_600_001) }),
      span(genAi({ 'gen_ai.usage.input_tokens': -1 })),
      span(genAi({ 'gen_ai.request.model': 'a\0b' })),
      span(genAi({ 'prompt.id': undefined, 'gen_ai.prompt.name': 'a/b/c' })),
    )
    expect(answer.status).toBe(200)
    expect(answer.json.partialSuccess).toMatchObject({ rejectedSpans: '9', errorMessage: expect.stringMatching(/^9 of the spans/) })
    for (const part of ['valid traceId', 'no name of a prompt', 'other reasons'])
      expect(answer.json.partialSuccess.errorMessage).toContain(part)
    expect(await stored()).toHaveLength(1)
  })

  test('of another workspace’s prompt are rejected as if there were none', async () => {
    const stranger = await t.stranger()
    const { status, body } = await stranger('POST', '//otlp/v1/traces', request(span()))
    expect([status, body.partialSuccess.rejectedSpans]).toEqual([200, '1'])
    expect(await stored()).toEqual([])
  })

  test('come by the thousand', async () => {
    const answer = await tell(...Array.from({ length: 2_300 }, () => span()))
    expect([answer.status, counts(answer)]).toEqual([200, 'accepted=2300, duplicates=0, ignored=0, rejected=0'])
  })
})

describe('an export', () => {
  const status = protobuf.Root.fromJSON({
    nested: { Status: { fields: { code: { type: 'int32', id: 1 }, message: { type: 'string', id: 2 } } } },
  }).lookupType('Status')
  const asProtobuf = { 'content-type': 'application/x-protobuf' }

  test('that cannot be read is a 400 in the protocol’s own words, in the encoding that it came in', async () => {
    for (const body of [
      '',
      '{',
      'null',
      '[]',
      '"x"',
      '{"resourceSpans":1}',
      '{"resourceSpans":[1]}',
      '{"resourceSpans":[{"scopeSpans":{}}]}',
    ]) {
      const answer = await send(body)
      expect([body, answer.status, answer.json?.code], body).toEqual([body, 400, 3])
    }
    for (const body of [Buffer.from([0xff]), Buffer.from('{}'), Buffer.from([10, 200, 1])]) {
      const answer = await send(body, asProtobuf)
      expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/x-protobuf'])
      expect(status.decode(answer.bytes)).toMatchObject({ code: 3, message: expect.stringContaining('request.malformed') })
    }
  })

  test('of nothing, or with fields that are not known here, is taken', async () => {
    expect((await send('{}')).json).toEqual({})
    const empty = await send(Buffer.alloc(0), asProtobuf)
    expect([empty.status, empty.bytes.length]).toEqual([200, 0])
    const body = { ...request({ ...span(), invented: { a: [1] }, links: [{}], events: [{}] }), more: true }
    expect(counts(await send(JSON.stringify(body)))).toBe('accepted=1, duplicates=0, ignored=0, rejected=0')
  })

  test('of another type is a 415, without a key a 401, without the permission a 403, by another method a 405', async () => {
    expect((await send('a', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await send('a', { 'content-encoding': 'br' })).status).toBe(415)
    const anonymous = await t.anonymous('POST', '//otlp/v1/traces', request())
    expect([anonymous.status, anonymous.body.code, anonymous.headers.get('www-authenticate')]).toEqual([
      401,
      16,
      expect.stringContaining('Bearer'),
    ])
    const reader = await t.as('prompts:read', 'analytics:read')
    const refused = await reader('POST', '//otlp/v1/traces', request())
    expect([refused.status, refused.body]).toEqual([403, { code: 7, message: expect.stringContaining('analytics:write') }])
    expect((await t.owner('GET', '//otlp/v1/traces')).status).toBe(405)
    const writer = await t.as('analytics:write')
    expect((await writer('POST', '//otlp/v1/traces', request())).status).toBe(200)
  })

  test('that is compressed is read, and never into more than an export may have', async () => {
    const packed = { 'content-encoding': 'gzip' }
    expect(counts(await send(gzipSync(JSON.stringify(request(span()))), packed))).toBe('accepted=1, duplicates=0, ignored=0, rejected=0')
    expect((await send(Buffer.from('no gzip'), packed)).status).toBe(400)
    expect((await send(gzipSync(Buffer.alloc(64 * 1024 * 1024, ' ')), packed)).status).toBe(413)
    expect((await send(Buffer.alloc(9 * 1024 * 1024, ' '))).status).toBe(413)
  })
})
