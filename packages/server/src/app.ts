import { createHmac } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { cachingNeighbours, openCaches } from './app/caches.ts'
import { noteKeyUse, openLogin } from './app/callers.ts'
import { checksOf } from './app/checks.ts'
import { openMirrored } from './app/mirrored.ts'
import type { AppOptions } from './app/options.ts'
import { openOutside } from './app/outside.ts'
import { createWeb } from './app/web.ts'
import type { Acting } from './core/acting.ts'
import { callerAddress, trustIn } from './core/addresses.ts'
import { type Cache, noSharedCache } from './core/cache.ts'
import { createErrorGroups } from './core/error-groups.ts'
import { eventCheck } from './core/event-check.ts'
import { createFeed, type Feed } from './core/feed/feed.ts'
import { prefix } from './core/http/mount.ts'
import { idempotency } from './core/idempotency.ts'
import { startLimits } from './core/limits/exchange.ts'
import { createShedding } from './core/limits/shedding.ts'
import { eventTypesOf, type Module } from './core/module.ts'
import { cursorCodec } from './core/page.ts'
import { type AcrossWorkspaces, createRuntime, type Runtime } from './core/runtime.ts'
import { type ABTesting, createABTesting, testsThatServe } from './domain/ab-testing/index.ts'
import {
  type Authenticator,
  access,
  createAuthenticator,
  createLabelGate,
  createPresence,
  ensureDefaultWorkspace,
} from './domain/access/index.ts'
import { type Analytics, createAnalytics, daysKept, trafficOf } from './domain/analytics/index.ts'
import { type Audit, createAudit } from './domain/audit/index.ts'
import { bulk } from './domain/bulk/index.ts'
import { caching } from './domain/caching/index.ts'
import { documents, sharedDocuments } from './domain/documents/index.ts'
import { addDead, countDead, jobs } from './domain/jobs/index.ts'
import { createPolicies, lifecycle } from './domain/lifecycle/index.ts'
import { notifications } from './domain/notifications/index.ts'
import {
  categoryOf,
  changePrompt,
  createServing,
  createUseRecorder,
  findPrompts,
  labelsInUse,
  PromptItem,
  promptKeys,
  prompts,
  revertLabel,
  searchSources,
  setLabel,
  sharedTags,
} from './domain/prompts/index.ts'
import { relationships } from './domain/relationships/index.ts'
import { indexedUpTo, search } from './domain/search/index.ts'
import { lint } from './domain/validation/index.ts'
import { openEncoder } from './infrastructure/embeddings/index.ts'
import { lineFile } from './infrastructure/files/line-file.ts'
import { type Database, openDatabase } from './infrastructure/postgres/database.ts'
import { openSystemPool } from './infrastructure/postgres/system.ts'
import { createQueue } from './infrastructure/queue/queue.ts'
import { connectRateExchange } from './infrastructure/redis/rate-exchange.ts'
import { connectSharedCache } from './infrastructure/redis/shared-cache.ts'
import { createMetrics } from './infrastructure/telemetry/metrics.ts'

export { type AppOptions, version } from './app/options.ts'

export type App = Readonly<{
  http: FastifyInstance
  runtime: Runtime
  feed: Feed
  modules: readonly Module[]
  authenticator: Authenticator
  database: Database
  audit: Audit
  analytics: Analytics
  abTesting: ABTesting
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
  const acrossWorkspaces: AcrossWorkspaces = (work, mode) => database.within('system', mode, work)
  const system = openSystemPool(direct, onError)
  const feed = createFeed({ connect: () => system.connect(), log: note })
  const errors = createErrorGroups()
  const tracing = options.telemetry?.tracing
  const queue = createQueue({
    pool: system,
    system: acrossWorkspaces,
    bury: (tx, dead) => addDead(tx, dead, clock()),
    log: note,
    watchers: { errors, tracing, ran: (run) => metrics.ran(run) },
  })
  const shared = options.redisUrl ? connectSharedCache(options.redisUrl, note) : noSharedCache
  const caches = openCaches(options.cacheBytes)
  const use = createUseRecorder({ system: acrossWorkspaces, clock, isAway: feed.isAway })
  const store = createServing({ ...caches, shared }, feed, use)
  const contextFor: Runtime['contextFor'] = (principal, origin) => runtime.contextFor(principal, origin) // known once all contexts are
  const login = openLogin(options, {
    system: acrossWorkspaces,
    feed,
    clock,
    contextFor,
  })
  const trust = options.trustProxy === undefined ? undefined : trustIn(options.trustProxy)
  const authenticator = createAuthenticator({
    system: acrossWorkspaces,
    feed,
    clock,
    bootstrapKey: options.bootstrapApiKey,
    sessions: login.gate,
    addressOf: (caller) => callerAddress(caller, trust),
  })
  const audit = createAudit({
    system: acrossWorkspaces,
    feed,
    secret: options.auditSigningKey,
    checkpoints: options.auditCheckpoints === undefined ? undefined : lineFile(options.auditCheckpoints),
    clock,
    enabled: isAudited,
    inBackground: options.auditInBackground ?? true,
    log: note,
  })
  const outside = openOutside(options)
  const encoder = openEncoder(options.embeddings ?? 'off')
  const searching = search({
    encoder,
    vectors: { maxBytes: options.vectorBytes ?? 256 * 1024 * 1024, idleMs: 30 * 60_000 },
    neighbours: { sources: searchSources, keys: promptKeys, find: findPrompts },
    item: PromptItem.properties,
    feed,
    within: (work) => acrossWorkspaces(work, 'write'),
    now: clock,
    log: note,
  })
  const eventTypes = () => eventTypesOf(modules)
  const derived = (purpose: string) => createHmac('sha256', options.encryptionKey).update(purpose).digest()
  const notifying = notifications({
    ...outside,
    eventTypes,
    key: derived('webhooks'),
    contextIn: (workspaceId) =>
      contextFor({ id: 'webhooks', workspaceId, permissions: new Set(['*']), instanceAdmin: false }, { requestId: 'webhooks' }),
    now: clock,
    system: acrossWorkspaces,
    feed,
    retentionDays: options.eventRetentionDays ?? 90,
    readers: [indexedUpTo],
    mirrored: openMirrored(options),
    log: note,
  })
  const presence = createPresence({ hasBootstrapKey: options.bootstrapApiKey !== undefined, isOpen: authenticator.isOpen })
  const acting: Acting = { presence: (ids, there) => acrossWorkspaces((db) => presence(db, ids, there), 'read'), contextFor }
  const policies = createPolicies({ feed, presence })
  const gates = { labels: createLabelGate(feed), policies: policies.gate, uses: testsThatServe }
  const analytics = createAnalytics({
    system: acrossWorkspaces,
    feed,
    clock,
    secret: derived('analytics'),
    contextIn: (workspaceId) =>
      runtime.contextFor({ id: 'alerts', workspaceId, permissions: new Set(['*']), instanceAdmin: false }, { requestId: 'alerts' }),
    tests: {
      follow: (db, uses) => abTesting.outcomes.follow(db, uses),
      forgetUnit: (db, workspaceId, hash) => abTesting.forgetUnit(db, workspaceId, hash),
      running: (ctx) => abTesting.runningTests(ctx),
      started: (testIds, ctx) => abTesting.startedTests(testIds, ctx),
    },
    log: note,
  })
  const abTesting: ABTesting = createABTesting({
    system: acrossWorkspaces,
    feed,
    clock,
    expressions: outside.expressions,
    store,
    hashUnit: analytics.hashUser,
    traffic: trafficOf,
    setLabel: setLabel(gates),
    changePrompt: changePrompt(gates),
    acting,
    daysKept,
    log: note,
  })
  const modules: Module[] = [
    prompts(store, { gates, lint, driftInUse: analytics.driftInUse, overlay: abTesting.overlay }),
    searching.module,
    lifecycle({ ...acting, policies, expressions: outside.expressions, setLabel: setLabel(gates), revertLabel: revertLabel(gates) }),
    documents,
    jobs(queue),
    access({ categoryOf, labelsInUse }),
    login.module,
    audit.module,
    bulk({ ...acting, gates, log: note }),
    analytics.module,
    relationships({ sharedUse: [sharedTags, sharedDocuments], similar: searching.similar }),
    caching({ served: caches.served as Cache<unknown>, bodies: caches.bodies as Cache<unknown> }, shared, feed, cachingNeighbours(store)),
    notifying.module,
    abTesting.module,
    idempotency,
    ...(options.extraModules ?? []),
  ]
  const cursors = cursorCodec(derived('cursor'))
  const checkEvents = options.checkReplies ? eventCheck(eventTypes) : undefined
  const runtime = createRuntime({ database, feed, queue, cursors, clock, modules: () => modules, tracing, audit: isAudited, checkEvents })
  feed.onSignal(() => queue.look())
  const metrics = createMetrics({
    database,
    feed,
    caches: [caches.served as Cache<unknown>, caches.bodies as Cache<unknown>],
    shared,
    jobs: { figures: queue.figures, dead: () => acrossWorkspaces(countDead, 'read') },
  })
  const { redisUrl } = options
  const connect = redisUrl ? () => connectRateExchange(redisUrl, derived('limits').toString('hex', 0, 8)) : undefined
  const limiting = startLimits(options.rateLimit ?? 'off', connect)
  const shedding = createShedding(database.queueMs, options.shedding ?? true)
  const keyUse = noteKeyUse({ system: acrossWorkspaces, authenticator, feed, clock })
  const http = await createWeb({
    options,
    modules,
    runtime,
    authenticator,
    store,
    hotPaths: [abTesting.hotPath(prefix)],
    audit,
    metrics,
    errors,
    limits: limiting.limits,
    shedding,
    checks: checksOf({ database, feed, queue, shared }),
    trust,
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
    analytics,
    abTesting,
    async start() {
      await acrossWorkspaces((db) => ensureDefaultWorkspace(db, clock()), 'write')
      await feed.start()
      await audit.start()
      keyUse.start()
      use.start()
      await queue.start(
        modules.flatMap(({ jobs }) => jobs ?? []),
        runtime,
      )
      searching.following.start()
      notifying.start()
      analytics.start()
      abTesting.start()
    },
    async stop(graceMs = 0) {
      closing = true
      if (graceMs > 0) await new Promise((resolve) => setTimeout(resolve, graceMs))
      await http.close()
      shedding.stop()
      await limiting.stop()
      await keyUse.stop()
      await use.stop()
      await Promise.all([queue.stop(), searching.following.stop(), notifying.stop(), encoder?.close()])
      await outside.close()
      await abTesting.stop()
      await analytics.stop()
      await audit.stop()
      await feed.stop()
      await Promise.all([database.close(), system.close(), shared.close()])
    },
  }
}
