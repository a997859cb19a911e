import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { installation, launchProcess, ownerKey } from '../../faults/testing/installation.ts'
import { clientOf, cloneDatabase } from '../../testing/index.ts'
import { until } from '../embedded-postgres/testing/sandbox.ts'
import { startTelemetry, wantedSignals } from './otel.ts'
import { type SeenSpan, startCollector } from './testing/collector.ts'

const otlp = (url: string) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_BSP_SCHEDULE_DELAY: '100',
  OTEL_METRIC_EXPORT_INTERVAL: '300',
  OTEL_METRIC_EXPORT_TIMEOUT: '300',
})
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
const kinds = { server: 2, client: 3, consumer: 5 }

/** A process of the service with the probe's endpoint and jobs. */
async function tracedService(env: Record<string, string>) {
  const database = await cloneDatabase()
  const process = launchProcess(join(import.meta.dirname, 'testing', 'traced-service.ts'), {
    DATABASE_URL: database.url,
    BOOTSTRAP_API_KEY: ownerKey,
    ...env,
  })
  onTestFinished(async () => {
    process.signal('SIGKILL')
    await process.ended
    await database.drop()
  })
  await until('the service is up', () => process.log().includes('ready'), 60_000)
  return { ...process, owner: clientOf(process.url, ownerKey) }
}

describe('which signals are on', () => {
  test.each<[Record<string, string>, boolean, boolean]>([
    [{}, false, false],
    [{ OTEL_SERVICE_NAME: 'x', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, false, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }, true, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_SDK_DISABLED: 'true' }, false, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_SDK_DISABLED: 'false' }, true, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_METRICS_EXPORTER: 'none' }, true, false],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://x' }, true, false],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://x' }, false, true],
    [{ OTEL_TRACES_EXPORTER: 'console' }, true, false],
    [{ OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'otlp' }, false, true],
  ])('%j: traces %s, metrics %s', (env, traces, metrics) => expect(wantedSignals(env)).toEqual({ traces, metrics }))

  test('with none nothing is started', async () => {
    expect(await startTelemetry({ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }, () => undefined)).toBeUndefined()
  })

  test('with none nothing of OpenTelemetry is even loaded', async () => {
    for (const name of ['@opentelemetry/api', '@opentelemetry/sdk-node'])
      vi.doMock(name, () => {
        throw new Error('loaded')
      })
    onTestFinished(() => {
      for (const name of ['@opentelemetry/api', '@opentelemetry/sdk-node']) vi.doUnmock(name)
    })
    expect(await startTelemetry({}, () => undefined)).toBeUndefined()
    await expect(startTelemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }, () => undefined)).rejects.toThrow()
  })
})

test('a trace goes from the caller through the request and its transaction to the job, and to the job of that', async () => {
  await using collector = await startCollector()
  const service = await tracedService(otlp(collector.url))
  const { status } = await service.owner('POST', '/probe/hand', undefined, { traceparent })
  expect(status).toBe(204)
  const ours = () => collector.spans().filter((span) => span.traceId === traceId)
  const named = (name: string) => ours().filter((span) => span.name === name)
  const only = (name: string): SeenSpan => {
    expect([name, named(name).length]).toEqual([name, 1])
    return named(name)[0]!
  }
  await expect.poll(() => named('process probe.follow').length).toBe(1)
  await expect.poll(() => named('transaction read').length).toBeGreaterThan(0)

  const request = only('POST /api/v1/probe/hand')
  expect(request).toMatchObject({ parentSpanId: '00f067aa0ba902b7', kind: kinds.server, service: 'prompt-store' })
  expect(request.attributes).toEqual({
    'http.request.method': 'POST',
    'http.route': '/api/v1/probe/hand',
    'url.scheme': 'http',
    'http.response.status_code': 204,
  })
  const first = only('process probe.note')
  expect(first).toMatchObject({ parentSpanId: request.spanId, kind: kinds.consumer, status: { code: 2 } })
  expect(first.attributes).toMatchObject({
    'messaging.system': 'pg-boss',
    'messaging.destination.name': 'probe.note',
    'error.type': 'RangeError',
  })
  const second = only('process probe.follow')
  expect(second.parentSpanId).toBe(first.spanId)
  expect(second.status?.code ?? 0).toBe(0)
  const parents = ours()
    .filter(({ name, kind }) => name.startsWith('transaction') && kind === kinds.client)
    .map(({ parentSpanId }) => parentSpanId)
  expect(parents.sort()).toEqual([request.spanId, first.spanId, second.spanId].sort())
})

test('a caller without a trace gets one of its own; one that was not sampled stays so; hot reads have a span when their caller traces', async () => {
  await using collector = await startCollector()
  const service = await tracedService(otlp(collector.url))
  const hot = '/prompts/search/traced/secret-name'
  await service.owner('POST', '/prompts', { content: 'A very secret {{thing}}', category: 'traced', name: 'secret-name' })
  await service.owner('GET', `${hot}?var.thing=hidden-value`)
  await service.owner('GET', '/prompts', undefined, { traceparent: traceparent.replace(/01$/, '00').replace(traceId, 'a'.repeat(32)) })
  const route = 'GET /api/v1/prompts/search/:category/:name'
  const reads = () => collector.spans().filter(({ name }) => name === route)
  await expect.poll(() => reads().length).toBe(1)
  for (let n = 0; n < 5; n++) await service.owner('GET', hot)
  await service.owner('GET', hot, undefined, { traceparent })
  await expect.poll(() => reads().filter((span) => span.traceId === traceId).length).toBe(1)
  expect(reads().length).toBeLessThan(5) // those before it was at hand
  const roots = collector.spans().filter(({ name }) => name === 'POST /api/v1/prompts')
  expect(roots.map(({ parentSpanId }) => parentSpanId || undefined)).toEqual([undefined])
  expect(collector.spans().filter((span) => span.traceId === 'a'.repeat(32))).toEqual([])
  expect(collector.texts()).not.toMatch(/very secret|secret-name|hidden-value|owner-key-of/)
})

test('the figures of /metrics and the durations of requests are sent too', async () => {
  await using collector = await startCollector()
  const service = await tracedService(otlp(collector.url))
  for (let n = 0; n < 3; n++) await service.owner('GET', '/prompts')
  const durations = () =>
    collector
      .points()
      .find(({ name, attributes }) => name === 'http.server.request.duration' && attributes['http.route'] === '/api/v1/prompts')
  await expect.poll(() => durations()?.value).toBe(3)
  expect(durations()!.attributes).toEqual({
    'http.request.method': 'GET',
    'http.route': '/api/v1/prompts',
    'http.response.status_code': 200,
  })
  const figures = [
    'promptstore_feed_leader',
    'promptstore_http_requests_total',
    'promptstore_shed_total',
    'promptstore_database_connections',
  ]
  const missing = () => figures.filter((figure) => !collector.points().some(({ name }) => name === figure))
  await expect.poll(missing).toEqual([])
})

test('the service as it is run sends what is left when it is told to end', async () => {
  await using collector = await startCollector()
  await using here = installation()
  const service = await here.start('main.ts', { ...otlp(collector.url), OTEL_BSP_SCHEDULE_DELAY: '600000', OTEL_SERVICE_NAME: 'mine' })
  await clientOf(service.url, ownerKey)('GET', '/prompts', undefined, { traceparent })
  expect(collector.spans()).toEqual([])
  service.signal('SIGTERM')
  expect(await service.ended).toEqual({ code: 0, signal: null })
  expect(
    collector
      .spans()
      .filter(({ service: name }) => name === 'mine')
      .map(({ name }) => name),
  ).toContain('GET /api/v1/prompts')
})

test('a collector that is away neither slows nor ends the service, and is a line in the log', async () => {
  const service = await tracedService(otlp('http://127.0.0.1:9'))
  for (let n = 0; n < 20; n++) expect((await service.owner('GET', '/prompts')).status).toBe(200)
  await expect.poll(() => service.log().filter((message) => message === 'telemetry had trouble').length).toBeGreaterThan(0)
  expect((await service.owner('GET', '/prompts')).status).toBe(200)
  service.signal('SIGTERM')
  expect(await service.ended).toEqual({ code: 0, signal: null })
})

test('a collector that takes everything and answers nothing neither slows the service nor keeps it from ending', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  onTestFinished(() => void silent.close())
  await once(silent, 'listening')
  const service = await tracedService(otlp(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`))
  for (let n = 0; n < 20; n++) expect((await service.owner('GET', '/prompts')).status).toBe(200)
  service.signal('SIGTERM')
  expect(await service.ended).toEqual({ code: 0, signal: null })
})
