import { createHmac } from 'node:crypto'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { type Cache, noSharedCache, type SharedCache } from './core/cache.ts'
import { createErrorGroups, type ErrorGroups } from './core/error-groups.ts'
import { createFeed, type Feed } from './core/feed/feed.ts'
import { admission } from './core/http/admission.ts'
import { errorDocs } from './core/http/docs.ts'
import { handleFailures, methodTable } from './core/http/failures.ts'
import { createFastLane } from './core/http/fast-lane.ts'
import { type Check, healthRoutes } from './core/http/health.ts'
import { mount, prefix } from './core/http/mount.ts'
import { createHttp } from './core/http/server.ts'
import { traceHotRead, traceRequests } from './core/http/tracing.ts'
import { idempotency } from './core/idempotency.ts'
import { type Limits, type RateLimit, startLimits } from './core/limits/exchange.ts'
import { createShedding, type Shedding } from './core/limits/shedding.ts'
import type { Module } from './core/module.ts'
import { openApiDocument } from './core/openapi.ts'
import { cursorCodec } from './core/page.ts'
import { createRuntime, type Runtime } from './core/runtime.ts'
import { type Authenticator, access, createAuthenticator, defaultWorkspaceId, ensureDefaultWorkspace } from './domain/access/index.ts'
import { caching } from './domain/caching/index.ts'
import { createServing, describeKey, hotPath, listPrompts, prompts, promptTag, type Serving } from './domain/prompts/index.ts'
import { createTaggedCache } from './infrastructure/cache/tagged-cache.ts'
import { type Database, openDatabase } from './infrastructure/postgres/database.ts'
import { requireWeakRole } from './infrastructure/postgres/role.ts'
import { openSystemPool } from './infrastructure/postgres/system.ts'
import { createQueue, type Queue } from './infrastructure/queue/queue.ts'
import { connectRateExchange } from './infrastructure/redis/rate-exchange.ts'
import { connectSharedCache } from './infrastructure/redis/shared-cache.ts'
import { apiReference } from './infrastructure/telemetry/api-reference.ts'
import { createMetrics, type Metrics } from './infrastructure/telemetry/metrics.ts'
import type { Telemetry } from './infrastructure/telemetry/otel.ts'
import type { Observed } from './infrastructure/telemetry/request-metrics.ts'

export const version = '0.1.0'

export type AppOptions = Readonly<{
  databaseUrl: string
  /** A session connection, when `databaseUrl` goes through a transaction pooler. */
  directUrl?: string | undefined
  databaseConnections: number
  redisUrl?: string | undefined
  /** Bytes of the level-1 cache; 0 turns it off. */
  cacheBytes: number
  encryptionKey: string
  bootstrapApiKey?: string | undefined
  /** Requests a second for each key, and a tenth of it for each address without one; absent: no limit. */
  rateLimit?: RateLimit
  trustProxy?: string[] | number | undefined
  /** Refuse the less urgent when there is too much to do; true unless told. */
  shedding?: boolean
  /** Where traces and metrics are sent; absent: nowhere. */
  telemetry?: Telemetry | undefined
  log: FastifyBaseLogger
  clock?: () => string
  /** Check every reply against its schema: for tests. */
  checkReplies?: boolean
  /** Contexts beside the product's own: for tests of core. */
  extraModules?: readonly Module[]
}>

export type App = Readonly<{
  http: FastifyInstance
  runtime: Runtime
  feed: Feed
  modules: readonly Module[]
  authenticator: Authenticator
  database: Database
  /** Follow the feed, and work on jobs; `http.listen` is the caller's. */
  start(): Promise<void>
  /** Answer what is in flight, take nothing new, and let go of everything. @param graceMs how long callers get to close their connections */
  stop(graceMs?: number): Promise<void>
}>

/** The composition root: the one place that knows every context and every adapter. */
export async function createApp(options: AppOptions): Promise<App> {
  const { log, clock = () => new Date().toISOString() } = options
  const note = (message: string, details?: object) => log.info(details ?? {}, message)
  const onError = (error: Error) => log.warn({ err: error }, 'a database connection was lost')
  const direct = options.directUrl ?? options.databaseUrl
  const database = openDatabase({
    url: options.databaseUrl,
    max: options.databaseConnections,
    pooled: options.directUrl !== undefined,
    onError,
  })
  const system = openSystemPool(direct, onError)
  const feed = createFeed({ connect: () => system.connect(), log: note })
  const errors = createErrorGroups()
  const tracing = options.telemetry?.tracing
  const queue = createQueue(system, note, { errors, tracing })
  const shared = options.redisUrl ? connectSharedCache(options.redisUrl, note) : noSharedCache
  const caches = openCaches(options.cacheBytes)
  const store = createServing({ ...caches, shared }, feed)
  const authenticator = createAuthenticator({
    system: (work) => database.within('system', 'read', work),
    feed,
    bootstrapKey: options.bootstrapApiKey,
  })
  const modules: Module[] = [
    prompts(store),
    access,
    caching({ served: caches.served as Cache<unknown>, bodies: caches.bodies as Cache<unknown> }, shared, feed, cachingNeighbours(store)),
    idempotency,
    ...(options.extraModules ?? []),
  ]
  const derived = (purpose: string) => createHmac('sha256', options.encryptionKey).update(purpose).digest()
  const cursors = cursorCodec(derived('cursor'))
  const runtime = createRuntime({ database, feed, queue, cursors, clock, modules: () => modules, tracing })
  feed.onSignal(() => queue.wake())
  const metrics = createMetrics({ database, feed, caches: [caches.served as Cache<unknown>, caches.bodies as Cache<unknown>], shared })
  const { redisUrl } = options
  const connect = redisUrl ? () => connectRateExchange(redisUrl, derived('limits').toString('hex', 0, 8)) : undefined
  const limiting = startLimits(options.rateLimit ?? 'off', connect)
  const shedding = createShedding(database.queueMs, options.shedding ?? true)
  let closing = false
  const http = await createWeb({
    options,
    modules,
    runtime,
    authenticator,
    store,
    metrics,
    errors,
    limits: limiting.limits,
    shedding,
    checks: checksOf({ database, feed, queue, shared }),
    closing: () => closing,
  })
  return {
    http,
    runtime,
    feed,
    modules,
    authenticator,
    database,
    async start() {
      await database.within('system', 'write', (db) => ensureDefaultWorkspace(db, clock()))
      await feed.start()
      await queue.start(
        modules.flatMap(({ jobs }) => jobs ?? []),
        runtime,
      )
    },
    async stop(graceMs = 0) {
      closing = true
      if (graceMs > 0) await new Promise((resolve) => setTimeout(resolve, graceMs))
      await http.close()
      shedding.stop()
      await limiting.stop()
      await queue.stop()
      await feed.stop()
      await Promise.all([database.close(), system.close(), shared.close()])
    },
  }
}

/** Three quarters for finished answers, a quarter for the versions that they were made of. */
const openCaches = (bytes: number) => ({
  served: createTaggedCache<never>({ name: 'served', maxBytes: Math.max(1, Math.floor(bytes * 0.75)), enabled: bytes > 0 }) as Cache<never>,
  bodies: createTaggedCache<never>({ name: 'bodies', maxBytes: Math.max(1, Math.floor(bytes * 0.25)), enabled: bytes > 0 }) as Cache<never>,
})

const cachingNeighbours = (store: Serving) => ({
  warm: (wanted: { category: string; name: string; label?: string | undefined }, ctx: Parameters<Serving['serve']>[1]) =>
    store.serve(wanted, ctx).then(
      () => true,
      () => false,
    ),
  recent: async (limit: number, ctx: Parameters<Serving['serve']>[1]) => {
    const found: { category: string; name: string }[] = []
    for (let cursor: string | null | undefined; found.length < limit && cursor !== null; ) {
      const page = await listPrompts({ sort: '-updatedAt', view: 'summary', limit: 200, cursor }, ctx)
      found.push(...page.items.map(({ category, name }) => ({ category, name })))
      cursor = page.nextCursor
    }
    return found.slice(0, limit)
  },
  describe: describeKey,
  promptTag,
})

const checksOf = (parts: { database: Database; feed: Feed; queue: Queue; shared: SharedCache }): Check[] => [
  {
    name: 'database',
    needed: true,
    run: async () => {
      await requireWeakRole(parts.database, defaultWorkspaceId)
      return parts.database.pool()
    },
  },
  {
    name: 'feed',
    needed: true,
    run: async () => {
      if (!parts.feed.isCurrent()) await parts.feed.confirm()
      return { position: parts.feed.position(), lag: parts.feed.lag(), leader: parts.feed.isLeader() }
    },
  },
  {
    name: 'jobs',
    needed: false,
    run: async () => {
      if (!parts.queue.isWorking()) throw new Error('no worker runs in this process')
      return {}
    },
  },
  {
    name: 'redis',
    needed: false,
    run: async () => {
      const { state } = parts.shared.stats()
      return state === 'off' ? { state } : { state, roundTripMs: await parts.shared.ping() }
    },
  },
]

type Web = Readonly<{
  options: AppOptions
  modules: readonly Module[]
  runtime: Runtime
  authenticator: Authenticator
  store: Serving
  metrics: Metrics
  errors: ErrorGroups
  limits: Limits | undefined
  shedding: Shedding
  checks: readonly Check[]
  closing: () => boolean
}>

async function createWeb(web: Web): Promise<FastifyInstance> {
  const { options, modules, runtime, authenticator, store, metrics, errors, limits, shedding, checks, closing } = web
  const { telemetry } = options
  const tracing = telemetry?.tracing
  const observe = (request: Observed) => {
    metrics.observe(request)
    telemetry?.observe(request)
  }
  const fastLane = createFastLane({
    paths: [hotPath(prefix, store)],
    peek: authenticator.peek,
    take: limits ? ({ id }, now) => limits.key.take(id, now) : () => true,
    feed: runtime.feed,
    closing,
    observe: (route, status, startedAt, headers) => {
      observe({ method: 'GET', route, status, seconds: (performance.now() - startedAt) / 1000 })
      if (tracing) traceHotRead(tracing, route, status, startedAt, headers)
    },
  })
  const http = createHttp({ logger: options.log, fastLane, trustProxy: options.trustProxy })
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
    authenticate: ({ headers }) => authenticator.authenticate(headers),
    peek: ({ headers }) => authenticator.peek(headers),
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
  mount(
    http,
    modules.flatMap(({ endpoints }) => endpoints),
    {
      runtime,
      authenticate,
      checkReplies: options.checkReplies ?? false,
    },
  )
  await apiReference(http, openApiDocument(modules, version))
  await http.ready()
  return http
}
