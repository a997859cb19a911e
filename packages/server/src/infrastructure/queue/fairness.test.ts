import { expect, test } from 'vitest'
import { newId } from '../../core/ids.ts'
import { appWith, contextOf, defaultWorkspace, enqueue, gate, probeJob } from '../../testing/probe-jobs.ts'

const insert = `insert into pgboss.job (id, name, data, group_id, start_after) select gen_random_uuid(), 'probe.note',
  jsonb_build_object('payload', jsonb_build_object('n', n), 'by', jsonb_build_object('workspaceId', $1::text, 'actor', 'a', 'requestId', 'r')), $1,
  now() - interval '1 hour' from generate_series(1, $2::int) n`

test('a workspace with 10,000 jobs does not keep the job of another waiting', async () => {
  const order: string[] = []
  const released = gate()
  const app = await appWith([
    probeJob(async (_n, { workspaceId }) => {
      await released.opened
      order.push(workspaceId)
    }),
  ])
  await app.database.query(insert, [defaultWorkspace, 10_000])
  await expect
    .poll(async () => (await app.database.query(`select 1 from pgboss.job where name = 'probe.note' and state = 'active'`)).length)
    .toBeGreaterThan(0)
  const other = newId()
  await enqueue(contextOf(app, other), 1)
  await enqueue(contextOf(app, other), 2)
  released.open()
  await expect.poll(() => order.filter((workspace) => workspace === other)).toHaveLength(2)
  console.log(
    `the other workspace's jobs were the ${order.indexOf(other) + 1}. and ${order.lastIndexOf(other) + 1}. of ${order.length} so far`,
  )
  expect(order.lastIndexOf(other)).toBeLessThan(1_000)
  await expect.poll(() => order.length).toBe(10_002)
}, 120_000)

test('long jobs of one workspace leave half of the slots to others', async () => {
  const goOn = gate()
  const running: string[] = []
  const mine = newId()
  const app = await appWith([
    probeJob(
      async (_n, { workspaceId }) => {
        running.push(workspaceId)
        if (workspaceId === mine) await goOn.opened
      },
      { concurrency: 4 },
    ),
  ])
  await app.database.query(insert, [mine, 50])
  await expect.poll(() => running.length).toBe(2)
  const others = Array.from({ length: 5 }, newId)
  for (const workspace of others) await enqueue(contextOf(app, workspace), 1)
  await expect.poll(() => running.filter((workspace) => workspace !== mine).sort()).toEqual(others.sort())
  expect(running.filter((workspace) => workspace === mine)).toHaveLength(2)
  goOn.open()
  await expect.poll(() => running.length).toBe(55)
})

test('a job of a long run holds up no other of its queue', async () => {
  const goOn = gate()
  const done: number[] = []
  const app = await appWith([
    probeJob(async (n) => {
      if (n === 0) await goOn.opened
      done.push(n)
    }),
  ])
  const ctx = contextOf(app)
  for (let n = 0; n < 30; n++) await enqueue(ctx, n)
  await expect.poll(() => done.length).toBe(29)
  goOn.open()
  await expect.poll(() => done.length).toBe(30)
})

test('under a key one job waits: its time is brought forward, and what is committed later is seen by the run', async () => {
  const seen: number[] = []
  const app = await appWith([probeJob(async (n) => void seen.push(n))])
  const [ctx, other] = [contextOf(app), contextOf(app, newId())]
  const waiting = async () => (await app.database.query(`select 1 from pgboss.job where name = 'probe.note' and state = 'created'`)).length
  await enqueue(ctx, 1, { key: 'k', startAfterMs: 3_600_000 })
  await enqueue(ctx, 2, { key: 'k', startAfterMs: 7_200_000 })
  await enqueue(ctx, 3, { key: 'l', startAfterMs: 3_600_000 })
  await enqueue(other, 4, { key: 'k', startAfterMs: 3_600_000 })
  expect(await waiting()).toBe(3)
  await ctx.transact(async (tx) => {
    await ctx.enqueue(tx, { name: 'probe.note' }, { n: 5 }, { key: 'k' })
    await new Promise((resolve) => setTimeout(resolve, 1_500)) // longer than a look: the job waits for this commit
    expect(seen).toEqual([])
  })
  await expect.poll(() => seen).toEqual([1])
  await enqueue(ctx, 6, { key: 'k' })
  await expect.poll(() => seen).toEqual([1, 6])
})
