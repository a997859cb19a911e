import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { askerOf } from './testing/ask.ts'
import { type Installation, installation } from './testing/installation.ts'
import { assertIntegrity } from './testing/integrity.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 2)
const timeout = 240_000 + rounds * 90_000
const workspaceId = '00000000-0000-7000-8000-000000000001'
const programs = ['main.ts', 'worker.ts'] as const

const enqueue = ({ query }: Installation, name: string, from: number, to: number) =>
  query(
    `insert into pgboss.job (name, group_id, data) select $1::text, $2::text, jsonb_build_object('payload', jsonb_build_object('n', n),
     'by', jsonb_build_object('workspaceId', $2::text, 'actor', 'test', 'requestId', 'test')) from generate_series($3::int, $4::int) n`,
    [name, workspaceId, from, to],
  )

/** The job that takes former names away stops half way, as long as the table `brake` has a row. */
async function brakeOn({ query }: Installation): Promise<void> {
  await query('create table if not exists brake (at int)')
  await query('grant select on brake to ps_system')
  await query('insert into brake values (1)')
  await query(`create or replace function wait_for_brake() returns trigger language plpgsql as $$
    begin while exists (select from brake) loop perform pg_sleep(0.02); end loop; return old; end $$`)
  await query('create or replace trigger brake before delete on prompt_former_name for each row execute function wait_for_brake()')
}

test('a process that is killed in the middle of a job leaves it to the next, be it service or worker', { timeout }, async () => {
  await using here = installation()
  const isPurged = async () => (await here.query('select 1 from prompt_former_name')).length === 0
  let holder = await here.start('main.ts')
  const { body } = await askerOf(() => holder.url)('POST', '/prompts', { content: 'Hi' })
  for (let round = 0; round < rounds; round++) {
    await brakeOn(here)
    await here.query(
      `insert into prompt_former_name (workspace_id, category, name, prompt_id, expires_at) values ($1, 'c', 'former', $2, now() - interval '1 day')`,
      [workspaceId, body.id],
    )
    await enqueue(here, 'prompts.purge_former_names', 1, 1)
    const held = async () =>
      (await here.query(`select 1 from pgboss.job where name = 'prompts.purge_former_names' and state = 'active'`)).length === 1
    await until('the job runs', held)
    const next = await here.start(programs[(round + 1) % 2])
    expect(await isPurged()).toBe(false)
    holder.signal('SIGKILL')
    await holder.ended
    const killedAt = performance.now()
    await here.query('delete from brake')
    await until('another process has done it', isPurged)
    console.log(
      `${programs[round % 2]} was killed; ${programs[(round + 1) % 2]} had done its job after ${Math.round(performance.now() - killedAt)} ms`,
    )
    await until('the job is over', async () => !(await held()))
    holder = next
  }
  expect(await here.query('select 1 from dead_job')).toEqual([])
  await assertIntegrity(here)
})

test('whenever workers are killed, each job is done once: none is lost, and none done twice', { timeout }, async () => {
  await using here = installation()
  const service = await here.start('main.ts') // holds the database
  await here.query('create table ledger (n int, what text)')
  await here.query('grant insert on ledger to ps_app')
  const begin = async () => {
    const worker = here.launch('faults/testing/hold-jobs.ts')
    await until('a worker works', () => worker.log().includes('working'))
    return worker
  }
  const workers = [await begin(), await begin()]
  const count = async (what: string) =>
    (await here.query<{ n: number }>(`select count(*)::int as n from ledger where what = $1`, [what]))[0]!.n
  const jobs = 400
  for (let round = 0; round < rounds; round++) {
    const before = await count('tried')
    await enqueue(here, 'probe.note', round * jobs + 1, (round + 1) * jobs)
    await until('some have begun', async () => (await count('tried')) > before + 20)
    await sleep(Math.random() * 100)
    const victim = round % 2
    workers[victim]!.signal('SIGKILL')
    await workers[victim]!.ended
    workers[victim] = await begin()
  }
  const all = rounds * jobs
  await until('all are done', async () => (await count('done')) >= all, 120_000)
  await until('none is left', async () => (await here.query(`select 1 from pgboss.job where name = 'probe.note'`)).length === 0)
  const [found] = await here.query<{ done: number; numbers: number }>(
    `select count(*)::int as done, count(distinct n)::int as numbers from ledger where what = 'done'`,
  )
  console.log(`${rounds} workers killed: ${all} jobs done once, ${(await count('tried')) - all} begun twice`)
  expect(found).toEqual({ done: all, numbers: all })
  expect(await here.query('select 1 from dead_job')).toEqual([])
  service.signal('SIGTERM')
  expect((await service.ended).code).toBe(0)
})
