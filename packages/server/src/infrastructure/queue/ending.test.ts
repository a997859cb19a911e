import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { cloneDatabase, startTestApp } from '../../testing/index.ts'
import { appWith, contextOf, defaultWorkspace, enqueue, gate, ledgerOf, probeJob, probeModule } from '../../testing/probe-jobs.ts'

test('a process that ends lets its runs end, gives back at once what has not begun, and loses no try', async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const began: number[] = []
  const goOn = gate()
  const interrupted = probeJob(async (n, ctx, { signal }) => {
    began.push(n)
    if (n === 1)
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          setTimeout(goOn.open, 200) // the others end while it stops
          reject(new Error('stopped half way'))
        }),
      )
    await goOn.opened
    await ctx.transact(async (tx) => void (await sql`insert into ledger values (${n}, 'first')`.execute(tx)))
  })
  const first = await startTestApp({ database, extraModules: [probeModule(interrupted)] })
  const ledger = await ledgerOf(first)
  for (let n = 1; n <= 30; n++) await enqueue(contextOf(first), n)
  await expect.poll(() => began.length).toBe(5)
  await first.app.stop()
  expect(await ledger()).toEqual(
    began
      .filter((n) => n !== 1)
      .map((n) => `${n} first`)
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)),
  )
  const left = await database.query<{ state: string }>(`select state from pgboss.job where name = 'probe.note'`)
  expect([left.length, left.filter(({ state }) => state === 'active')]).toEqual([26, []])
  const failures: number[] = []
  await appWith(
    [
      probeJob(async (n, ctx, run) => {
        failures.push(run.failures)
        await ctx.transact(async (tx) => void (await sql`insert into ledger values (${n}, 'second')`.execute(tx)))
      }),
    ],
    database,
  )
  await expect
    .poll(async () => (await ledger()).map((line) => Number.parseInt(line, 10)))
    .toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
  expect(new Set(failures)).toEqual(new Set([0]))
})

test('what a database that was away could not be told is told when it is back, once', async () => {
  const app = await appWith([
    probeJob(async (n, ctx) => void (await ctx.transact(async (tx) => sql`insert into ledger values (${n}, 'ran')`.execute(tx))), {
      retries: 3,
    }),
  ])
  const ledger = await ledgerOf(app)
  await app.database.query(`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`)
  await app.database.query(
    `create trigger refuse before delete on pgboss.job_common for each row when (old.name = 'probe.note') execute function refuse()`,
  )
  await enqueue(contextOf(app), 1)
  await expect.poll(ledger).toEqual(['1 ran'])
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  await app.database.query('drop trigger refuse on pgboss.job_common')
  await expect.poll(() => app.database.query(`select 1 from pgboss.job where name = 'probe.note'`)).toEqual([])
  expect(await ledger()).toEqual(['1 ran'])
})

test('a schedule runs once per cluster, also when the time came while no process ran, and after a clock that was ahead', async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const runs: string[] = []
  const scheduled = () => probeJob(async (_n, ctx) => void runs.push(`${ctx.actor.id} ${ctx.workspaceId}`), { schedule: '0 0 1 1 *' })
  const first = await startTestApp({ database, extraModules: [probeModule(scheduled())] })
  await first.app.stop()
  const dueAt = async () => (await database.query<{ at: string }>(`select due_at as at from job_schedule where name = 'probe.note'`))[0]!.at
  const next = new Date(await dueAt())
  expect([next.getUTCMonth(), next.getUTCDate(), runs]).toEqual([0, 1, []])
  // New year came and went three times.
  await database.query(`update job_schedule set due_at = due_at - interval '3 years' where name = 'probe.note'`)
  await Promise.all([appWith([scheduled()], database), appWith([scheduled()], database)])
  await expect.poll(() => runs).toEqual([`schedule ${defaultWorkspace}`])
  await expect.poll(async () => new Date(await dueAt())).toEqual(next)
  await database.query(`update job_schedule set due_at = due_at + interval '30 years' where name = 'probe.note'`)
  await expect.poll(async () => new Date(await dueAt())).toEqual(next)
  expect(runs).toHaveLength(1)
})

test('a schedule that has changed with the version counts from the new one', async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const dueAt = async () =>
    new Date((await database.query<{ at: string }>(`select due_at as at from job_schedule where name = 'probe.note'`))[0]!.at)
  for (const [schedule, month] of [
    ['0 0 1 1 *', 0],
    ['0 0 1 7 *', 6],
  ] as const) {
    const app = await startTestApp({ database, extraModules: [probeModule(probeJob(async () => undefined, { schedule }))] })
    expect((await dueAt()).getUTCMonth()).toBe(month)
    await app.app.stop()
  }
})
