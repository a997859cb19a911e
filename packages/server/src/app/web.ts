import type { FastifyInstance } from 'fastify'
import type { Trust } from '../core/addresses.ts'
import type { ErrorGroups } from '../core/error-groups.ts'
import { admission } from '../core/http/admission.ts'
import { errorDocs } from '../core/http/docs.ts'
import { handleFailures, methodTable } from '../core/http/failures.ts'
import { createFastLane, type HotPath } from '../core/http/fast-lane.ts'
import { type Check, healthRoutes } from '../core/http/health.ts'
import { type Mounting, mount, prefix } from '../core/http/mount.ts'
import { mountRoot } from '../core/http/root.ts'
import { createHttp } from '../core/http/server.ts'
import { traceHotRead, traceRequests } from '../core/http/tracing.ts'
import { mountWire } from '../core/http/wire.ts'
import type { Limits } from '../core/limits/exchange.ts'
import type { Shedding } from '../core/limits/shedding.ts'
import type { Module } from '../core/module.ts'
import { openApiDocument } from '../core/openapi.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Authenticator } from '../domain/access/index.ts'
import type { Audit } from '../domain/audit/index.ts'
import { hotPath, type Serving } from '../domain/prompts/index.ts'
import { apiReference } from '../infrastructure/telemetry/api-reference.ts'
import type { Metrics } from '../infrastructure/telemetry/metrics.ts'
import type { Observed } from '../infrastructure/telemetry/request-metrics.ts'
import { type AppOptions, version } from './options.ts'

type Web = Readonly<{
  options: AppOptions
  modules: readonly Module[]
  runtime: Runtime
  authenticator: Authenticator
  store: Serving
  /** Hot paths beside the serving of prompts. */
  hotPaths: readonly HotPath[]
  audit: Audit
  metrics: Metrics
  errors: ErrorGroups
  limits: Limits | undefined
  shedding: Shedding
  checks: readonly Check[]
  /** Which proxies are believed when they say whom they ask for. */
  trust: Trust | undefined
  closing: () => boolean
}>

/** Everything on the wire: hot reads, endpoints, pages, health, metrics, and how failures leave. */
export async function createWeb(web: Web): Promise<FastifyInstance> {
  const { options, modules, runtime, authenticator, store, hotPaths, audit, metrics, errors, limits, shedding, checks, trust, closing } =
    web
  const { telemetry } = options
  const tracing = telemetry?.tracing
  const observe = (request: Observed) => {
    metrics.observe(request)
    telemetry?.observe(request)
  }
  const fastLane = createFastLane({
    paths: [hotPath(prefix, store), ...hotPaths],
    peek: authenticator.peek,
    take: limits ? ({ id }, now) => limits.key.take(id, now) : () => true,
    feed: runtime.feed,
    closing,
    observe: (route, status, startedAt, headers) => {
      observe({ method: 'GET', route, status, seconds: (performance.now() - startedAt) / 1000 })
      if (tracing) traceHotRead(tracing, route, status, startedAt, headers)
    },
  })
  const http = createHttp({ logger: options.log, fastLane, trust })
  if (tracing) traceRequests(http, tracing)
  http.addHook('onSend', async (_request, reply) => {
    if (closing()) reply.header('Connection', 'close')
  })
  http.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unmatched'
    observe({ method: request.method, route, status: reply.statusCode, seconds: reply.elapsedTime / 1000 })
    request.log.debug({ method: request.method, route, status: reply.statusCode, ms: reply.elapsedTime, requestId: request.id }, 'request')
  })
  const routes: { method: string; url: string }[] = []
  http.addHook('onRoute', ({ method, url }) => void routes.push(...[method].flat().map((one) => ({ method: one, url }))))
  handleFailures(http, (path) => methodTable(routes)(path), errors)
  const { authenticate, counts } = admission(http, {
    limits,
    shedding,
    authenticate: ({ raw }) => authenticator.authenticate(raw),
    peek: ({ raw }) => authenticator.peek(raw),
  })
  metrics.watchAdmission(counts, shedding.level)
  metrics.watchErrors(errors)
  await telemetry?.bridge(metrics)
  healthRoutes(http, { version, checks, isDraining: closing })
  errorDocs(http)
  http.get('/metrics', { config: { vital: true } }, async (request, reply) => {
    await authenticate(request)
    return reply.type(metrics.contentType).send(await metrics.text())
  })
  const mounting: Mounting = { runtime, authenticate, checkReplies: options.checkReplies ?? false, onRefused: audit.refused }
  mount(
    http,
    modules.flatMap(({ endpoints }) => endpoints),
    mounting,
  )
  mountWire(
    http,
    modules.flatMap(({ wire }) => wire ?? []),
    mounting,
  )
  mountRoot(
    http,
    modules.flatMap(({ root }) => root ?? []),
  )
  apiReference(http, openApiDocument(modules, version))
  await http.ready()
  return http
}
