// A process that works on jobs which note that they ran, each in the transaction that ends it: node hold-jobs.ts, with the service's environment.
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { Type } from 'typebox'
import { createApp } from '../../app.ts'
import { readConfig } from '../../config.ts'
import { job } from '../../core/jobs.ts'
import { defineModule } from '../../core/module.ts'
import { migrate } from '../../infrastructure/postgres/migrate.ts'
import { createLog } from '../../infrastructure/telemetry/log.ts'
import { openInstallation } from '../../service.ts'

const log = createLog('info')
const config = readConfig(process.env)
const installation = await openInstallation(config, () => undefined)
await migrate(installation.url)
const note = job({
  name: 'probe.note',
  payload: Type.Object({ n: Type.Integer() }),
  retries: 0,
  concurrency: 20,
  run: async ({ n }, ctx, run) => {
    await ctx.transact(async (tx) => void (await sql`insert into ledger values (${n}, 'tried')`.execute(tx)))
    await sleep(Math.random() * 40)
    await ctx.transact(async (tx) => {
      await sql`insert into ledger values (${n}, 'done')`.execute(tx)
      await run.finish(tx)
    })
  },
})
const secret = 'secret-of-the-bad-days-0123456789'
const app = await createApp({
  ...config,
  databaseUrl: installation.url,
  encryptionKey: secret,
  auditSigningKey: secret,
  log,
  extraModules: [defineModule({ name: 'probe', endpoints: [], jobs: [note] })],
})
await app.start()
log.info('working')
