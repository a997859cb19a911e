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
import { mountRoot } from './core/http/root.ts'
import { createHttp } from './core/http/server.ts'
import { traceHotRead, traceRequests } from './core/http/tracing.ts'
import { idempotency } from './core/idempotency.ts'
import { type Limits, type RateLimit, startLimits } from './core/limits/exchange.ts'
import { createShedding, type Shedding } from './core/limits/shedding.ts'
import type { Module } from './core/module.ts'
import { openApiDocument } from './core/openapi.ts'
import { cursorCodec } from './core/page.ts'
import { createRuntime, type Runtime } from './core/runtime.ts'
import {
  type Authenticator,
  access,
  createAuthenticator,
  createLogin,
  defaultWorkspaceId,
  ensureDefaultWorkspace,
  type LoginRules,
  labelGate,
  noteUse,
} from './domain/access/index.ts'
import { type Audit, createAudit } from './domain/audit/index.ts'
import { caching } from './domain/caching/index.ts'
import { documents } from './domain/documents/index.ts'
import { lifecycle } from './domain/lifecycle/index.ts'
import {
  categoryOf,
  createServing,
  describeKey,
  findPrompts,
  hotPath,
  labelsInUse,
  listPrompts,
  PromptItem,
  promptKeys,
  prompts,
  promptTag,
  type Serving,
  searchSources,
  sharedTags,
} from './domain/prompts/index.ts'
import { relationships } from './domain/relationships/index.ts'
import { search } from './domain/search/index.ts'
import { lint } from './domain/validation/index.ts'
import { createTaggedCache } from './infrastructure/cache/tagged-cache.ts'
import { type Embeddings, openEncoder } from './infrastructure/embeddings/index.ts'
import { lineFile } from './infrastructure/files/line-file.ts'
import { createIdentityProvider, type ProviderSettings } from './infrastructure/oidc/identity-provider.ts'
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
  /** What makes vectors for semantic search; off unless told. */
  embeddings?: Embeddings
  /** Bytes that the vectors in memory may take. */
  vectorBytes?: number
  encryptionKey: string
  bootstrapApiKey?: string | undefined
  /** How people log in; without it they do not. */
  login?: (LoginRules & Omit<ProviderSettings, 'redirectUri'>) | undefined
  /** Requests a second for each key, and a tenth of it for each address without one; absent: no limit. */
  rateLimit?: RateLimit
  trustProxy?: string[] | number | undefined
  /** Where traces and metrics are sent; absent: nowhere. */
  telemetry?: Telemetry | undefined
  auditSigningKey: string
  /** False: changes leave no audit entries. */
  audit?: boolean
  /** False: nothing is sealed until `audit.settle` is called: for tests. */
  auditInBackground?: boolean
  /** The file in which this machine keeps the audit trail's checkpoints; absent: none. */
  auditCheckpoints?: string | undefined
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
  audit: Audit
  /** Follow the feed, and work on jobs; `http.listen` is the caller's. */
  start(): Promise<void>
  /** Answer what is in flight, take nothing new, and let go of everything. @param graceMs how long callers get to close their connections */
  stop(graceMs?: number): Promise<void>
}>

/** The composition root: the one place that knows every context and every adapter. */
export async function createApp(options: AppOptions): Promise<App> {
  const { log, clock = () => new Date().toISOString(), audit: isAudited = true } = options
  const note = (message: string, details?: object) => log.info(details ?? {}, message)
  let closing = false
  const onError = (error: Error) => {
    if (!closing) log.warn({ err: error }, 'a database connection was lost') // at the end the server may be faster than our goodbye
  }
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
  const login = openLogin(options, { database, feed, clock, contextFor: (principal, origin) => runtime.contextFor(principal, origin) })
  const authenticator = createAuthenticator({
    system: (work) => database.within('system', 'read', work),
    feed,
    clock,
    bootstrapKey: options.bootstrapApiKey,
    sessions: login.gate,
  })
  const audit = createAudit({
    system: (work, mode) => database.within('system', mode, work),
    feed,
    secret: options.auditSigningKey,
    checkpoints: options.auditCheckpoints === undefined ? undefined : lineFile(options.auditCheckpoints),
    clock,
    enabled: isAudited,
    inBackground: options.auditInBackground ?? true,
    log: note,
  })
  const encoder = openEncoder(options.embeddings ?? 'off')
  const searching = search({
    encoder,
    vectors: { maxBytes: options.vectorBytes ?? 256 * 1024 * 1024, idleMs: 30 * 60_000 },
    neighbours: { sources: searchSources, keys: promptKeys, find: findPrompts },
    item: PromptItem.properties,
    feed,
    within: (work) => database.within('system', 'write', work),
    log: note,
  })
  const modules: Module[] = [
    prompts(store, { gate: labelGate, lint }),
    searching.module,
    lifecycle,
    documents,
    access({ categoryOf, labelsInUse }),
    login.module,
    audit.module,
    relationships({ sharedUse: [sharedTags] }),
    caching({ served: caches.served as Cache<unknown>, bodies: caches.bodies as Cache<unknown> }, shared, feed, cachingNeighbours(store)),
    idempotency,
    ...(options.extraModules ?? []),
  ]
  const derived = (purpose: string) => createHmac('sha256', options.encryptionKey).update(purpose).digest()
  const cursors = cursorCodec(derived('cursor'))
  const runtime = createRuntime({ database, feed, queue, cursors, clock, modules: () => modules, tracing, audit: isAudited })
  feed.onSignal(() => queue.wake())
  const metrics = createMetrics({ database, feed, caches: [caches.served as Cache<unknown>, caches.bodies as Cache<unknown>], shared })
  const { redisUrl } = options
  const connect = redisUrl ? () => connectRateExchange(redisUrl, derived('limits').toString('hex', 0, 8)) : undefined
  const limiting = startLimits(options.rateLimit ?? 'off', connect)
  const shedding = createShedding(database.queueMs)
  const keyUse = noteKeyUse({ database, authenticator, feed, clock })
  const http = await createWeb({
    options,
    modules,
    runtime,
    authenticator,
    store,
    audit,
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
    audit,
    async start() {
      await database.within('system', 'write', (db) => ensureDefaultWorkspace(db, clock()))
      await feed.start()
      await audit.start()
      keyUse.start()
      await queue.start(
        modules.flatMap(({ jobs }) => jobs ?? []),
        runtime,
      )
      searching.following.start()
    },
    async stop(graceMs = 0) {
      closing = true
      if (graceMs > 0) await new Promise((resolve) => setTimeout(resolve, graceMs))
      await http.close()
      shedding.stop()
      await limiting.stop()
      await keyUse.stop()
      await Promise.all([queue.stop(), searching.following.stop(), encoder?.close()])
      await audit.stop()
      await feed.stop()
      await Promise.all([database.close(), system.close(), shared.close()])
    },
  }
}

/** How people log in, where the options say so. */
function openLogin(
  { login, log }: AppOptions,
  { database, ...parts }: { database: Database; feed: Feed; clock: () => string; contextFor: Runtime['contextFor'] },
) {
  if (!login) return createLogin(undefined)
  const settings = { ...login, redirectUri: `${login.publicUrl}/auth/callback` }
  const provider = createIdentityProvider(settings, (message, details) => log.warn(details, message))
  return createLogin({ rules: login, provider, system: (work, mode) => database.within('system', mode, work), ...parts })
}

/** How often the use of keys is noted, in milliseconds: the time of the last use is known to the minute. */
const keyUseMs = 60_000

/** Keys that were used are noted in the background, all at once; what cannot be noted now is noted with the next use. */
function noteKeyUse(parts: { database: Database; authenticator: Authenticator; feed: Feed; clock: () => string }) {
  const { database, authenticator, feed, clock } = parts
  let timer: NodeJS.Timeout | undefined
  const note = async () => {
    const ids = feed.isAway() ? [] : authenticator.takeUsed()
    if (ids.length > 0) await database.within('system', 'write', (db) => noteUse(db, ids, clock())).catch(() => undefined)
  }
  return {
    start() {
      timer = setInterval(note, keyUseMs).unref()
    },
    async stop() {
      clearInterval(timer)
      await note()
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
  audit: Audit
  metrics: Metrics
  errors: ErrorGroups
  limits: Limits | undefined
  shedding: Shedding
  checks: readonly Check[]
  closing: () => boolean
}>

async function createWeb(web: Web): Promise<FastifyInstance> {
  const { options, modules, runtime, authenticator, store, audit, metrics, errors, limits, shedding, checks, closing } = web
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
  mount(
    http,
    modules.flatMap(({ endpoints }) => endpoints),
    {
      runtime,
      authenticate,
      checkReplies: options.checkReplies ?? false,
      onRefused: audit.refused,
    },
  )
  mountRoot(
    http,
    modules.flatMap(({ root }) => root ?? []),
  )
  await apiReference(http, openApiDocument(modules, version))
  await http.ready()
  return http
}
