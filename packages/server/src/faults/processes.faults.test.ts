import { expect, test } from 'vitest'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { askerOf } from './testing/ask.ts'
import { type Installation, installation } from './testing/installation.ts'
import { assertIntegrity } from './testing/integrity.ts'

const workspaceId = '00000000-0000-7000-8000-000000000001'

/** Let a former name expire, and enqueue the job that takes such names away. */
async function enqueuePurge({ query }: Installation, promptId: string): Promise<void> {
  await query(
    `insert into prompt_former_name (workspace_id, category, name, prompt_id, expires_at) values ($1, 'c', 'former', $2, now() - interval '1 day')`,
    [workspaceId, promptId],
  )
  const by = { workspaceId, actor: 'test', requestId: 'test' }
  await query(`insert into pgboss.job (name, data) values ('prompts.purge_former_names', $1)`, [JSON.stringify({ payload: {}, by })])
}
const isPurged = async ({ query }: Installation) => (await query('select 1 from prompt_former_name')).length === 0

test('a worker alone works on jobs, leads the feed, and ends in order at SIGTERM', async () => {
  await using here = installation()
  const service = await here.start()
  const { body } = await askerOf(() => service.url)('POST', '/prompts', { content: 'Hi' })
  service.signal('SIGKILL')
  await service.ended
  const worker = await here.start('worker.ts')
  expect(worker.url).toBe('')
  await enqueuePurge(here, body.id)
  await until('the job has run', () => isPurged(here))
  await assertIntegrity(here)
  worker.signal('SIGTERM')
  expect(await worker.ended).toEqual({ code: 0, signal: null })
  expect(here.postmaster()).toBeUndefined()
})

test('a job that a killed service left is worked on by the next process', async () => {
  await using here = installation()
  const service = await here.start()
  const { body } = await askerOf(() => service.url)('POST', '/prompts', { content: 'Hi' })
  const worker = await here.start('worker.ts')
  service.signal('SIGKILL')
  worker.signal('SIGSTOP') // so that nobody takes the job
  await service.ended
  await enqueuePurge(here, body.id)
  worker.signal('SIGKILL')
  await worker.ended
  await here.start('worker.ts')
  await until('the job has run', () => isPurged(here))
})

test('two services, a worker and the admin’s commands share one data folder; who started the server may be killed, and the last one out stops it', async () => {
  await using here = installation()
  const [first, second, worker] = await Promise.all([here.start(), here.start(), here.start('worker.ts')])
  const postmaster = here.postmaster()
  const commands = [
    here.launch('admin.ts', {}, ['migrate']),
    here.launch('admin.ts', {}, ['migrate', '--plan']),
    here.launch('admin.ts', {}, ['keys', 'bootstrap']),
  ]
  for (const command of commands) expect(await command.ended, command.output()).toEqual({ code: 0, signal: null })
  const key = /ps_[0-9a-f]{32}_[0-9a-f]{64}_[0-9a-f]{8}/.exec(commands[2]!.output())![0]
  for (const { url } of [first, second]) {
    const { status, headers } = await askerOf(() => url)('POST', '/prompts', { content: 'Hi' }, { authorization: `Bearer ${key}` })
    expect([status, headers['x-consistency-token']]).toEqual([201, expect.stringMatching(/^ps1\./)])
  }
  first.signal('SIGKILL')
  await first.ended
  const ask = askerOf(() => second.url)
  const { status, body } = await ask('POST', '/prompts', { content: 'Hi again' })
  expect([status, here.postmaster()]).toEqual([201, postmaster])
  second.signal('SIGTERM')
  expect(await second.ended).toEqual({ code: 0, signal: null })
  expect(here.postmaster()).toBe(postmaster)
  await enqueuePurge(here, body.id)
  await until('the worker has run the job', () => isPurged(here))
  await assertIntegrity(here)
  worker.signal('SIGTERM')
  expect(await worker.ended).toEqual({ code: 0, signal: null })
  expect(here.postmaster()).toBeUndefined()
})

test('two services that make an installation at the same moment have the same secrets: the cursor of one is good at the other', async () => {
  await using here = installation()
  const services = await Promise.all([here.start(), here.start()])
  const [one, other] = services.map(({ url }) => askerOf(() => url))
  for (let i = 0; i < 3; i++) await one!('POST', '/prompts', { content: `text ${i}` })
  const page = await one!('GET', '/prompts?limit=2')
  const rest = await other!('GET', `/prompts?limit=2&cursor=${encodeURIComponent(page.body.nextCursor)}`)
  expect([page.body.items.length, rest.status, rest.body.items.length]).toEqual([2, 200, 1])
})
