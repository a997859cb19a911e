/**
 * The rival of the ingest row: the same service, with its checks, its prompts and its prices, and one more endpoint that
 * stores each request by a transaction of its own. It runs as a process of its own on the same database.
 */
import { createApp } from '../../packages/server/src/app.ts'
import { defineModule } from '../../packages/server/src/core/module.ts'
import { recordUsage } from '../../packages/server/src/domain/analytics/commands/record.ts'
import { createPromptMemory } from '../../packages/server/src/domain/analytics/prompt-memory.ts'
import { recording } from '../../packages/server/src/domain/analytics/routes/record.ts'
import { insertMeasurements } from '../../packages/server/src/domain/analytics/store/measurements.ts'
import { createSeriesBook } from '../../packages/server/src/domain/analytics/store/series.ts'
import { createWishMemory } from '../../packages/server/src/domain/analytics/wish-memory.ts'
import { createLog } from '../../packages/server/src/infrastructure/telemetry/log.ts'

const { DATABASE_URL: databaseUrl = '', PORT: port = '0', BOOTSTRAP_API_KEY: bootstrapApiKey } = process.env
const now = () => new Date().toISOString()

let record: ReturnType<typeof recordUsage>
const [usage] = recording({ usage: (body, ctx) => record(body, ctx), satisfaction: (body, ctx) => record(body, ctx) })
const rival = defineModule({ name: 'usage-rival', endpoints: [{ ...usage!, name: 'rival.record', path: '/rival/usage' }] })

const app = await createApp({
  databaseUrl,
  databaseConnections: 20,
  cacheBytes: 8 * 1024 * 1024,
  encryptionKey: 'encryption-key-of-the-benchmarks-0123456789',
  auditSigningKey: 'audit-signing-key-of-the-benchmarks-0123456',
  bootstrapApiKey,
  log: createLog('warn'),
  extraModules: [rival],
})
const series = createSeriesBook((work, mode) => app.database.within('system', mode, work))
record = recordUsage({
  findPrompts: createPromptMemory(app.feed).find,
  terms: createWishMemory(app.feed, Buffer.from('rival')).terms,
  startedTests: async () => new Set(),
  async store(workspaceId, measurements) {
    const ids = await series.numbersOf(measurements.map(({ dimensions }) => ({ workspaceId, dimensions })))
    const rows = measurements.map((measurement, i) => ({ workspaceId, measurement, series: ids[i]! }))
    const stored = await app.database.within('system', 'write', (db) => insertMeasurements(db, rows, now().slice(0, 10)))
    return stored.map((is) => (is ? 'stored' : 'duplicate'))
  },
})
await app.start()
await app.http.listen({ port: Number(port), host: '127.0.0.1' })
process.send?.({ told: 'ready' })
process.on('SIGTERM', () => void app.stop().then(() => process.exit(0)))
