import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import type { Ctx } from '../../core/context.ts'
import { JobLost } from '../../core/jobs.ts'
import { cloneDatabase } from '../../testing/index.ts'
import { appWith, contextOf, enqueue, gate, ledgerOf, probeJob } from '../../testing/probe-jobs.ts'

const note = (ctx: Ctx, n: number, who: string) =>
  ctx.transact(async (tx) => void (await sql`insert into ledger values (${n}, ${who})`.execute(tx)))

test('of two workers that both believe they hold a job, the one that was thought dead writes nothing', async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const [began, told, goOn] = [gate(), gate(), gate()]
  const failures: unknown[] = []
  const attempts: { who: string; failures: number }[] = []
  let aborted: unknown
  const jobOf = (who: string) =>
    probeJob(async (n, ctx, { failures: before, signal }) => {
      attempts.push({ who, failures: before })
      if (attempts.length > 1) return note(ctx, n, 'second')
      signal.addEventListener('abort', told.open)
      began.open()
      await goOn.opened
      for (const write of [
        () => note(ctx, n, 'first'),
        () => ctx.system(async (tx) => void (await sql`insert into ledger values (${n}, 'first, across workspaces')`.execute(tx))),
      ])
        await write().catch((error) => failures.push(error))
      aborted = signal.reason
      throw failures[0]
    })
  const one = await appWith([jobOf('one')], database)
  await appWith([jobOf('two')], database)
  const ledger = await ledgerOf(one)
  await enqueue(contextOf(one), 7)
  await began.opened
  const giveNoSign = `update pgboss.job set heartbeat_on = now() - interval '1 minute' where name = 'probe.note' and state = 'active' and retry_count = 0`
  await expect
    .poll(async () => {
      await database.query(giveNoSign)
      return ledger()
    })
    .toEqual(['7 second'])
  expect(attempts[1]!.failures).toBe(0)
  await told.opened // by its next sign of life
  goOn.open()
  await expect.poll(() => failures).toHaveLength(2)
  expect(failures.every((error) => error instanceof JobLost)).toBe(true)
  expect(aborted).toBe('taken over')
  expect(await ledger()).toEqual(['7 second'])
  await expect.poll(() => database.query(`select 1 from pgboss.job where name = 'probe.note'`)).toEqual([])
  expect(await database.query('select 1 from dead_job')).toEqual([])
})

test('while a transaction of a job is open, nobody else begins the job, and it gives its signs of life', async () => {
  const [began, goOn] = [gate(), gate()]
  let runs = 0
  const app = await appWith([
    probeJob((n, ctx) =>
      ctx.transact(async (tx) => {
        runs++
        began.open()
        await goOn.opened
        await sql`insert into ledger values (${n}, 'first')`.execute(tx)
      }),
    ),
  ])
  const ledger = await ledgerOf(app)
  await enqueue(contextOf(app), 1)
  await began.opened
  const mine = `name = 'probe.note' and state = 'active'`
  await app.database.query(`update pgboss.job set heartbeat_on = now() - interval '1 minute' where ${mine}`)
  expect(await app.database.query(`select 1 from pgboss.job where ${mine} for update skip locked`)).toEqual([])
  await expect
    .poll(() => app.database.query(`select 1 from pgboss.job where ${mine} and heartbeat_on > now() - interval '30 seconds'`))
    .toHaveLength(1)
  goOn.open()
  await expect.poll(ledger).toEqual(['1 first'])
  expect(runs).toBe(1)
})

test('a job can end together with its last write: both or neither, and once', async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  let runs = 0
  const app = await appWith(
    [
      probeJob(
        async (n, ctx, run) => {
          const isFirst = runs++ === 0
          await ctx.transact(async (tx) => {
            await sql`insert into ledger values (${n}, 'finished')`.execute(tx)
            await run.finish(tx)
            if (isFirst) throw new Error('changed its mind')
          })
          await expect(note(ctx, n, 'too late')).rejects.toThrow(JobLost)
          await expect(ctx.transact(run.finish)).rejects.toThrow(JobLost)
          throw new Error('what fails afterwards changes nothing')
        },
        { retries: 1 },
      ),
    ],
    database,
  )
  const ledger = await ledgerOf(app)
  await enqueue(contextOf(app), 3)
  await expect.poll(ledger).toEqual(['3 finished'])
  await expect.poll(() => database.query(`select 1 from pgboss.job where name = 'probe.note'`)).toEqual([])
  expect([runs, await ledger(), await database.query('select 1 from dead_job')]).toEqual([2, ['3 finished'], []])
})

test('a run that takes too long has failed, is told so, and can write no more', async () => {
  const ended = gate()
  let [reason, failure]: unknown[] = []
  const app = await appWith([
    probeJob(
      async (n, ctx, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        reason = signal.reason
        await expect
          .poll(() =>
            ctx
              .system((db) => sql<{ n: number }>`select count(*)::int as n from dead_job`.execute(db), 'read')
              .then(({ rows }) => rows[0]!.n),
          )
          .toBe(1)
        await note(ctx, n, 'late').catch((error) => {
          failure = error
        })
        ended.open()
      },
      { expireInSeconds: 1 },
    ),
  ])
  const ledger = await ledgerOf(app)
  await enqueue(contextOf(app), 1)
  await ended.opened
  expect(reason).toBe('time is up')
  expect(failure).toBeInstanceOf(JobLost)
  expect(await ledger()).toEqual([])
  expect(await app.database.query('select error, tries from dead_job')).toEqual([{ error: 'It took longer than 1 s.', tries: 1 }])
})

test('a job that outlives no worker is given up after six, and kept', async () => {
  const app = await appWith([
    probeJob(async (_n, _ctx, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve()))),
  ])
  await enqueue(contextOf(app), 1, { startAfterMs: 3_600_000 })
  // As the sixth dead worker has left it.
  await app.database.query(
    `update pgboss.job set state = 'active', started_on = now(), heartbeat_on = now() - interval '1 hour', retry_count = 5,
     data = data || '{"lost":5,"uncounted":5}' where name = 'probe.note'`,
  )
  await expect
    .poll(() => app.database.query('select tries, error from dead_job'))
    .toEqual([{ tries: 1, error: '6 workers ended while they ran it.' }])
})
