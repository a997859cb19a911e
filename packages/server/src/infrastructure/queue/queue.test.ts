import { Type } from 'typebox'
import { expect, onTestFinished, test } from 'vitest'
import type { Ctx } from '../../core/context.ts'
import { type Job, job } from '../../core/jobs.ts'
import { defineModule } from '../../core/module.ts'
import { cloneDatabase, startTestApp, type TestApp, type TestDatabase } from '../../testing/index.ts'
import { until } from '../embedded-postgres/testing/sandbox.ts'

type Run = { n: number; at: number; ctx: Ctx; before: number }

/** A job that notes each of its runs, and fails as often as it is told to. */
function probe(options: { failures?: number; retries?: number } = {}) {
  const runs: Run[] = []
  let failures = options.failures ?? 0
  const value: Job = job({
    name: 'probe.note',
    payload: Type.Object({ n: Type.Integer() }),
    retries: options.retries ?? 0,
    run: async ({ n }, ctx, { failures: before }) => {
      runs.push({ n, at: performance.now(), ctx, before })
      if (failures-- > 0) throw new Error(`probe ${n} was told to fail`)
    },
  })
  return {
    runs,
    job: value,
    numbers: () => runs.map(({ n }) => n).sort((a, b) => a - b),
    module: defineModule({ name: 'probe', endpoints: [], jobs: [value] }),
  }
}

async function appWith(module: ReturnType<typeof probe>['module'], database?: TestDatabase): Promise<TestApp> {
  const app = await startTestApp({ extraModules: [module], ...(database && { database }) })
  onTestFinished(() => app.stop())
  return app
}

const isEmpty = async ({ database }: TestApp) => (await database.query(`select 1 from pgboss.job where name = 'probe.note'`)).length === 0
const workspaceId = '00000000-0000-7000-8000-000000000001'
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const contextOf = ({ app }: TestApp): Ctx =>
  app.runtime.contextFor(
    { id: 'somebody', workspaceId, permissions: new Set(['*']), instanceAdmin: false },
    { requestId: 'request-7', traceparent },
  )

test('a job runs after the transaction that enqueued it, and never when that was rolled back', async () => {
  const { runs, job, module, numbers } = probe()
  const ctx = contextOf(await appWith(module))
  await expect(
    ctx.transact(async (tx) => {
      await ctx.enqueue(tx, job, { n: 1 })
      throw new Error('changed my mind')
    }),
  ).rejects.toThrow('changed my mind')
  await ctx.transact(async (tx) => {
    await ctx.enqueue(tx, job, { n: 2 })
    await new Promise((resolve) => setTimeout(resolve, 1_500)) // longer than a poll
    expect(runs).toEqual([])
  })
  await until('the job has run', () => runs.length > 0)
  expect(numbers()).toEqual([2])
})

test('the commit wakes the worker of its own instance: ten jobs, one after the other, do not wait for ten polls', async () => {
  const { runs, job, module } = probe()
  const ctx = contextOf(await appWith(module))
  const took: number[] = []
  for (let n = 1; n <= 10; n++) {
    const began = performance.now()
    await ctx.transact((tx) => ctx.enqueue(tx, job, { n }))
    await until(`job ${n} has run`, () => runs.length === n)
    took.push(Math.round(performance.now() - began))
  }
  console.log(`ten jobs, each from its commit to its run: ${took.join(' ')} ms`)
  expect(took.sort((a, b) => a - b)[4]).toBeLessThan(900) // each is enqueued just after a poll: by polls alone nearly all take a second
})

test('a job acts in the workspace, for the caller and in the trace of whoever enqueued it', async () => {
  const { runs, job, module } = probe()
  const ctx = contextOf(await appWith(module))
  await ctx.transact((tx) => ctx.enqueue(tx, job, { n: 1 }))
  await until('the job has run', () => runs.length > 0)
  const { ctx: seen } = runs[0]!
  expect([seen.workspaceId, seen.actor.id, seen.requestId, seen.traceparent]).toEqual([workspaceId, 'somebody', 'request-7', traceparent])
})

test('a job that fails is tried again after growing pauses, until it succeeds', async () => {
  const { runs, job, module } = probe({ failures: 2, retries: 3 })
  const app = await appWith(module)
  const ctx = contextOf(app)
  await ctx.transact((tx) => ctx.enqueue(tx, job, { n: 1 }))
  await until('it has succeeded', () => isEmpty(app))
  const pauses = runs.slice(1).map(({ at }, i) => at - runs[i]!.at)
  console.log('ms between tries:', pauses.map(Math.round).join(' '))
  expect(runs.map(({ before }) => before)).toEqual([0, 1, 2])
  expect(pauses[0]).toBeGreaterThan(900)
  expect(pauses[1]).toBeGreaterThan(1_900)
})

test('a job that goes on failing is given up after its tries, and holds up no other', async () => {
  const { runs, job, module, numbers } = probe({ failures: 2, retries: 1 })
  const app = await appWith(module)
  const ctx = contextOf(app)
  await ctx.transact((tx) => ctx.enqueue(tx, job, { n: 1 }))
  await until('it is given up', async () => (await app.database.query('select 1 from dead_job')).length === 1)
  await ctx.transact((tx) => ctx.enqueue(tx, job, { n: 2 }))
  await until('the other has run', () => runs.length === 3)
  expect(numbers()).toEqual([1, 1, 2])
})

test('two instances run each job once between them', async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const [one, two] = [probe(), probe()]
  const contexts = [contextOf(await appWith(one.module, database)), contextOf(await appWith(two.module, database))]
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      contexts[i % 2]!.transact(async (tx) => {
        for (let n = 0; n < 10; n++) await contexts[i % 2]!.enqueue(tx, one.job, { n: i * 10 + n })
      }),
    ),
  )
  const all = () => [...one.numbers(), ...two.numbers()].sort((a, b) => a - b)
  await until('all have run', () => all().length >= 200)
  await new Promise((resolve) => setTimeout(resolve, 1_200)) // another poll, for what might come twice
  console.log(`200 jobs: ${one.runs.length} on one instance, ${two.runs.length} on the other`)
  expect(all()).toEqual(Array.from({ length: 200 }, (_, n) => n))
})

test('nothing notifies inside a transaction: no queue does, and no trigger', async () => {
  const { module } = probe()
  const app = await appWith(module)
  const queues = await app.database.query<{ name: string; notify: boolean }>('select name, notify from pgboss.queue')
  expect(queues.map(({ name }) => name)).toContain('probe.note')
  expect(queues.filter(({ notify }) => notify)).toEqual([])
  expect(
    await app.database.query(
      `select tgname from pg_trigger t join pg_proc p on p.oid = t.tgfoid where not t.tgisinternal and p.prosrc ~* 'notify'`,
    ),
  ).toEqual([])
})

test('how often a job is tried follows the present version, not the one that enqueued it', async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const first = await startTestApp({ database, extraModules: [probe().module] })
  const ctx = contextOf(first)
  await ctx.transact((tx) => ctx.enqueue(tx, { name: 'probe.note' }, { n: 1 }, { startAfterMs: 3_600_000 }))
  await first.app.stop()
  await database.query(`update pgboss.job set start_after = now() where name = 'probe.note'`)
  const { module, runs } = probe({ failures: 1, retries: 1 })
  const second = await appWith(module, database)
  await until('it was tried twice', () => isEmpty(second))
  expect(runs).toHaveLength(2)
})
