import { afterAll, beforeAll, expect, test } from 'vitest'
import { AppError } from '../../core/errors.ts'
import { newId } from '../../core/ids.ts'
import { RequestInvalid } from '../../core/problem.ts'
import { bootstrapKey, type Call, startTestApp, type TestApp } from '../../testing/index.ts'
import { contextOf, defaultWorkspace, enqueue, probeJob, probeModule } from '../../testing/probe-jobs.ts'
import { purgeDeadLetters } from './jobs.ts'

const secret = 'the text of a prompt that nobody here may read'
let t: TestApp
let heal = false
const seen: { n: number; actor: string }[] = []
beforeAll(async () => {
  const note = probeJob(async (n, ctx) => {
    seen.push({ n, actor: ctx.actor.id })
    if (heal) return
    if (n === 1) throw new AppError(RequestInvalid, 'Nobody can do this.')
    throw new Error(`broken: ${secret}`)
  })
  t = await startTestApp({ extraModules: [probeModule(note)] })
})
afterAll(() => t.stop())

const dead = async (call: Call, query = '') => (await call('GET', `/jobs/dead${query}`)).body
const idsOf = (page: { items: { id: string }[] }) => page.items.map(({ id }) => id)
const unknownId = '01900000-0000-7000-8000-000000000000'

test('what failed as often as it may is listed, last first, with why, and without its payload', async () => {
  await enqueue(contextOf(t), 1)
  await expect.poll(async () => (await dead(t.owner)).items.length).toBe(1)
  await enqueue(contextOf(t), 2)
  await expect.poll(async () => (await dead(t.owner)).items.length).toBe(2)
  const { items, nextCursor } = await dead(t.owner)
  expect(items).toEqual([
    {
      id: expect.any(String),
      name: 'probe.note',
      tries: 1,
      error: expect.stringMatching(/fingerprint [0-9a-f]{12}\.$/),
      enqueuedAt: expect.any(String),
      failedAt: expect.any(String),
    },
    expect.objectContaining({ error: 'request.invalid: Nobody can do this.' }),
  ])
  expect(items[0].failedAt >= items[0].enqueuedAt).toBe(true)
  expect(nextCursor).toBeNull()
  expect(JSON.stringify(items)).not.toContain(secret)
  const first = await dead(t.owner, '?limit=1&includeTotal=true')
  expect([idsOf(first), first.total]).toEqual([[items[0].id], 2])
  expect(idsOf(await dead(t.owner, `?limit=1&cursor=${first.nextCursor}`))).toEqual([items[1].id])
  expect(idsOf(await dead(t.owner, '?name=probe.note'))).toHaveLength(2)
  expect(idsOf(await dead(t.owner, '?name=other'))).toEqual([])
  expect((await t.owner('GET', `/jobs/dead?name=probe.note&cursor=${first.nextCursor}`)).body.code).toBe('cursor.invalid')
})

test('they are those of the workspace, and looking and changing need a permission each', async () => {
  const stranger = await t.stranger()
  const [id] = idsOf(await dead(t.owner))
  expect((await dead(stranger)).items).toEqual([])
  expect((await stranger('POST', `/jobs/dead/${id}/retry`)).body.code).toBe('job.not_found')
  expect((await stranger('DELETE', `/jobs/dead/${id}`)).body.code).toBe('job.not_found')
  const reader = await t.as('jobs:read')
  expect(idsOf(await dead(reader))).toHaveLength(2)
  expect((await reader('DELETE', `/jobs/dead/${id}`)).body).toMatchObject({ status: 403, permission: 'jobs:write' })
  expect((await (await t.as('jobs:write'))('GET', '/jobs/dead')).body).toMatchObject({ status: 403, permission: 'jobs:read' })
})

test('one is run again for whoever enqueued it, and once, however many ask; the trail says who asked', async () => {
  heal = true
  seen.length = 0
  const [id] = idsOf(await dead(t.owner))
  const answers = await Promise.all([1, 2, 3].map(() => t.owner('POST', `/jobs/dead/${id}/retry`)))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404])
  expect(answers.find(({ status }) => status === 200)!.body).toEqual({ name: 'probe.note' })
  await expect.poll(() => seen).toEqual([{ n: 2, actor: 'somebody' }])
  expect(idsOf(await dead(t.owner))).not.toContain(id)
  const { items } = (await t.owner('GET', '/audit?limit=5')).body
  expect(items.find(({ action }: { action: string }) => action === 'job.retried')).toMatchObject({
    subject: id,
    data: { name: 'probe.note' },
  })
})

test('one is thrown away once', async () => {
  const [id] = idsOf(await dead(t.owner))
  expect((await t.owner('DELETE', `/jobs/dead/${id}`)).status).toBe(204)
  expect((await t.owner('DELETE', `/jobs/dead/${id}`)).body).toMatchObject({ status: 404, code: 'job.not_found' })
  expect((await dead(t.owner)).items).toEqual([])
})

test('one that this version cannot run stays, and the answer says so', async () => {
  const id = newId()
  await addOld(id, 'gone.since_long', 0)
  expect((await t.owner('POST', `/jobs/dead/${id}/retry`)).body).toMatchObject({ status: 409, code: 'job.not_runnable' })
  expect(idsOf(await dead(t.owner))).toEqual([id])
  expect((await t.owner('POST', `/jobs/dead/${unknownId}/retry`)).body.code).toBe('job.not_found')
})

const addOld = (id: string, name: string, days: number) =>
  t.database.query(
    `insert into dead_job (workspace_id, id, name, payload, origin, tries, error, enqueued_at, failed_at)
     values ($1, $2, $3, '{}', '{}', 1, 'e', now() - interval '1 year', now() - $4 * interval '1 day')`,
    [defaultWorkspace, id, name, days],
  )

test('they are kept for thirty days, and the newest 10,000 of each workspace', async () => {
  const [young, old] = [newId(), newId()]
  await addOld(young, 'aged', 29)
  await addOld(old, 'aged', 31)
  await purgeDeadLetters.run({}, contextOf(t))
  expect(idsOf(await dead(t.owner, '?name=aged'))).toEqual([young])
  await t.database.query(
    `insert into dead_job (workspace_id, id, name, payload, origin, tries, error, enqueued_at, failed_at)
     select $1, gen_random_uuid(), 'many', '{}', '{}', 1, 'e', now(), now() from generate_series(1, 10010)`,
    [defaultWorkspace],
  )
  await purgeDeadLetters.run({}, contextOf(t))
  expect((await dead(t.owner, '?includeTotal=true&limit=1')).total).toBe(10_000)
  expect(idsOf(await dead(t.owner, '?name=aged'))).toEqual([])
})

test('/metrics tells of each queue what waits, how long, what runs, what failed, and how long runs take', async () => {
  const text = (await t.anonymous('GET', '//metrics', undefined, { authorization: `Bearer ${bootstrapKey}` })).text
  const value = (line: string) => Number(new RegExp(`^${line.replace(/[{}]/g, '\\$&')} (.*)$`, 'm').exec(text)?.[1])
  for (const state of ['waiting', 'deferred', 'retrying', 'active'])
    expect([state, value(`promptstore_jobs{queue="probe.note",state="${state}"}`)]).toEqual([state, 0])
  expect(value('promptstore_jobs_oldest_seconds{queue="probe.note"}')).toBe(0)
  expect(value('promptstore_jobs_dead{queue="many"}')).toBe(10_000)
  expect(value('promptstore_jobs_dead{queue="probe.note"}')).toBe(0)
  expect(value('promptstore_job_runs_total{queue="probe.note",outcome="dead"}')).toBe(2)
  expect(value('promptstore_job_runs_total{queue="probe.note",outcome="done"}')).toBe(1)
  expect(value('promptstore_job_duration_seconds_count{queue="probe.note"}')).toBe(3)
})
