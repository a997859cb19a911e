/** A process of the service with an endpoint that hands work to a job: started by otel.test.ts, on the database of DATABASE_URL. */
import type { FastifyBaseLogger } from 'fastify'
import { createApp } from '../../../app.ts'
import { endpoint } from '../../../core/endpoint.ts'
import { job } from '../../../core/jobs.ts'
import { defineModule } from '../../../core/module.ts'
import { Strict } from '../../../core/schemas.ts'
import { createLog } from '../log.ts'
import { startTelemetry } from '../otel.ts'

const follow = job({
  name: 'probe.follow',
  payload: Strict({}),
  retries: 0,
  run: async (_payload, ctx) => void (await ctx.read(async () => 1)),
})
const note = job({
  name: 'probe.note',
  payload: Strict({}),
  retries: 0,
  run: async (_payload, ctx) => {
    await ctx.transact((tx) => ctx.enqueue(tx, follow, {}))
    throw new RangeError('the probe fails after it has handed on')
  },
})
const hand = endpoint({
  name: 'probe.hand',
  method: 'POST',
  path: '/probe/hand',
  access: 'probe:write',
  summary: 'Hand work to a job',
  handle: async (_input, ctx) => {
    await ctx.transact((tx) => ctx.enqueue(tx, note, {}))
  },
})

const log = createLog('info') as FastifyBaseLogger
const telemetry = await startTelemetry(process.env, (message, details) => log.warn(details ?? {}, message))
const app = await createApp({
  databaseUrl: process.env.DATABASE_URL!,
  databaseConnections: 4,
  cacheBytes: 1_000_000,
  encryptionKey: 'encryption-key-of-the-tests-012345678',
  auditSigningKey: 'audit-signing-key-of-the-tests-0123456',
  bootstrapApiKey: process.env.BOOTSTRAP_API_KEY,
  shedding: false, // a machine that runs many tests at once is overloaded
  log,
  telemetry,
  extraModules: [defineModule({ name: 'probe', endpoints: [hand], jobs: [note, follow] })],
})
await app.start()
await app.http.listen({ port: 0, host: '127.0.0.1' })
process.once('SIGTERM', async () => {
  await app.stop()
  await telemetry?.stop()
  process.exit(0)
})
log.info({ address: app.http.addresses() }, 'ready')
