import type { Attributes, Context, Meter, SpanContext, Tracer } from '@opentelemetry/api'
import type { SpanAttributes, Tracing } from '../../core/tracing.ts'
import { unlessLate } from '../../core/unless-late.ts'
import type { Metrics } from './metrics.ts'
import type { Observed } from './request-metrics.ts'

type Api = typeof import('@opentelemetry/api')
type Env = Readonly<Record<string, string | undefined>>
type Warn = (message: string, details?: object) => void

/** At the end, what is left may take so long to be sent; and trouble with that is told at most so often. Milliseconds. */
const flushMs = 3_000
const warnEveryMs = 60_000

/** Seconds; the boundaries that OpenTelemetry's conventions advise for `http.server.request.duration`. */
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** Traces and metrics on their way to a collector. */
export type Telemetry = Readonly<{
  /** Absent when only metrics are wanted. */
  tracing?: Tracing
  observe(request: Observed): void
  /** Send what `/metrics` shows as well, as it is at each export. */
  bridge(metrics: Metrics): Promise<void>
  /** Send what is left, for 3 s at most. */
  stop(): Promise<void>
}>

/** What the standard variables ask for: a signal is on when its exporter, or an endpoint for it, is named. */
export function wantedSignals(env: Env): { traces: boolean; metrics: boolean } {
  const off = env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true'
  const wanted = (signal: 'TRACES' | 'METRICS'): boolean => {
    const exporter = env[`OTEL_${signal}_EXPORTER`]?.trim()
    if (off || exporter === 'none') return false
    return Boolean(exporter || env.OTEL_EXPORTER_OTLP_ENDPOINT || env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`])
  }
  return { traces: wanted('TRACES'), metrics: wanted('METRICS') }
}

/** Start OpenTelemetry as the `OTEL_*` variables of the process say; nothing of it is loaded when they ask for nothing. */
export async function startTelemetry(env: Env, warn: Warn): Promise<Telemetry | undefined> {
  const { traces, metrics } = wantedSignals(env)
  if (!traces && !metrics) return undefined
  const api = await import('@opentelemetry/api')
  const { NodeSDK } = await import('@opentelemetry/sdk-node')
  const named = env.OTEL_SERVICE_NAME || /(^|,)\s*service\.name=/.test(env.OTEL_RESOURCE_ATTRIBUTES ?? '')
  if (!env.OTEL_LOG_LEVEL) api.diag.setLogger(diagnosis(warn), api.DiagLogLevel.WARN)
  const sdk = new NodeSDK({
    ...(!named && { serviceName: 'prompt-store' }),
    ...(!traces && { spanProcessors: [] }),
    ...(!metrics && { metricReaders: [] }),
    logRecordProcessors: [],
    instrumentations: [],
  })
  sdk.start()
  const meter = api.metrics.getMeter('prompt-store')
  return {
    ...(traces && { tracing: tracingBy(api, api.trace.getTracer('prompt-store')) }),
    observe: metrics ? requestHistogram(meter) : () => undefined,
    bridge: async (own) => {
      if (metrics) await bridgeTo(meter, own)
    },
    async stop() {
      await unlessLate(
        flushMs,
        sdk.shutdown().catch(() => undefined),
      )
    },
  }
}

/** A collector that is away is a line a minute, not one for each export. */
function diagnosis(warn: Warn) {
  let toldAt = Number.NEGATIVE_INFINITY
  const tell = (message: string) => {
    if (performance.now() - toldAt < warnEveryMs) return
    toldAt = performance.now()
    warn('telemetry had trouble', { error: message.slice(0, 500) })
  }
  const silent = () => undefined
  return { error: tell, warn: tell, info: silent, debug: silent, verbose: silent }
}

function tracingBy(api: Api, tracer: Tracer): Tracing {
  const kinds = { server: api.SpanKind.SERVER, client: api.SpanKind.CLIENT, consumer: api.SpanKind.CONSUMER }
  return {
    start({ name, kind, parent, attributes, startedAt }) {
      const options = { kind: kinds[kind], attributes: attributes as Attributes, ...(startedAt !== undefined && { startTime: startedAt }) }
      const span = tracer.startSpan(name, options, parent === undefined ? api.ROOT_CONTEXT : within(api, parent))
      return {
        traceparent: traceparentOf(span.spanContext()),
        end(more: SpanAttributes, error?: string) {
          span.setAttributes(more as Attributes)
          if (error) span.setAttribute('error.type', error).setStatus({ code: api.SpanStatusCode.ERROR })
          span.end()
        },
      }
    },
  }
}

/** @param traceparent a valid one: `00-<trace>-<span>-<flags>` */
function within(api: Api, traceparent: string): Context {
  const [, traceId = '', spanId = '', flags = '00'] = traceparent.split('-')
  return api.trace.setSpanContext(api.ROOT_CONTEXT, { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true })
}

const traceparentOf = ({ traceId, spanId, traceFlags }: SpanContext): string =>
  `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`

function requestHistogram(meter: Meter): (request: Observed) => void {
  const histogram = meter.createHistogram('http.server.request.duration', {
    unit: 's',
    description: 'Duration of requests',
    advice: { explicitBucketBoundaries: boundaries },
  })
  return ({ method, route, status, seconds }) =>
    histogram.record(seconds, { 'http.request.method': method, 'http.route': route, 'http.response.status_code': status })
}

/** Counters and gauges under the names that they have in `/metrics`; the request histogram has its own. */
async function bridgeTo(meter: Meter, metrics: Metrics): Promise<void> {
  const figures = await metrics.figures()
  const instruments = new Map(
    figures.map(({ name, help, type }) => [
      name,
      type === 'counter'
        ? meter.createObservableCounter(name, { description: help })
        : meter.createObservableGauge(name, { description: help }),
    ]),
  )
  meter.addBatchObservableCallback(
    async (result) => {
      for (const { name, values } of await metrics.figures()) {
        const instrument = instruments.get(name)
        if (instrument) for (const { value, labels } of values) if (Number.isFinite(value)) result.observe(instrument, value, labels)
      }
    },
    [...instruments.values()],
  )
}
