/**
 * A process that works on jobs which do nothing: ours (the whole service without a port) or bare pg-boss, as the first
 * argument says. Asked for its `tally`, it tells how many it ran and when the first and the last, and begins to count anew.
 */
import { PgBoss } from 'pg-boss'
import { Type } from 'typebox'
import { createApp } from '../../packages/server/src/app.ts'
import { job } from '../../packages/server/src/core/jobs.ts'
import { defineModule } from '../../packages/server/src/core/module.ts'
import { createLog } from '../../packages/server/src/infrastructure/telemetry/log.ts'
import { batch, queueName, rivalSchema, type Tally } from '../lib/drain.ts'

const [side] = process.argv.slice(2)
const databaseUrl = process.env.DATABASE_URL!
let tally: Tally = { count: 0, first: 0, last: 0 }
const ran = (jobs: number) => {
  const now = performance.timeOrigin + performance.now()
  tally = { count: tally.count + jobs, first: tally.first || now, last: now }
}

async function ours(): Promise<void> {
  const noop = job({ name: queueName, payload: Type.Object({}), retries: 0, run: async () => ran(1) })
  const secret = 'secret-of-the-benchmarks-0123456789'
  const app = await createApp({
    databaseUrl,
    databaseConnections: 5,
    cacheBytes: 0,
    encryptionKey: secret,
    auditSigningKey: secret,
    log: createLog('warn'),
    extraModules: [defineModule({ name: 'bench', endpoints: [], jobs: [noop] })],
  })
  await app.start()
}

async function rival(): Promise<void> {
  const boss = new PgBoss({ connectionString: databaseUrl, schema: rivalSchema })
  boss.on('error', (error) => process.stderr.write(`${error.message}\n`))
  await boss.start()
  await boss.createQueue(queueName)
  const options = { batchSize: batch, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 }
  await boss.work(queueName, options, async (jobs) => ran(jobs.length))
}

process.on('message', (message: { ask?: string }) => {
  if (message.ask !== 'tally') return
  process.send!({ told: 'tally', ...tally })
  tally = { count: 0, first: 0, last: 0 }
})
await (side === 'ours' ? ours() : rival())
process.send!({ told: 'ready' })
