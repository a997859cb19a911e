import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bootstrapKey, startTestApp, type TestApp } from '../../testing/index.ts'
import { bulk, linesOf, ndjson, outcomesOf, over, type Told, told } from './testing/bulk-kit.ts'

/** Milliseconds that the service's clock is ahead. */
let ahead = 0
let t: TestApp
beforeAll(async () => {
  t = await startTestApp({ clock: () => new Date(Date.now() + ahead).toISOString() })
  await t.database.query(`delete from job_schedule where name like 'bulk.%'`) // run by hand here
})
afterAll(() => t.stop())

const create = async (category: string): Promise<string> => (await t.owner('POST', '/prompts', { content: 'x', category })).body.id

/** Run a job by hand, as the queue does. */
async function run(name: string): Promise<void> {
  const job = t.app.modules.flatMap(({ jobs = [] }) => jobs).find((one) => one.name === name)!
  const by = { id: 'schedule', workspaceId: '00000000-0000-7000-8000-000000000001', permissions: new Set(['*']), instanceAdmin: false }
  await job.run({}, t.app.runtime.contextFor(by, { requestId: 'test' }))
}

/** An operation that lies there as a worker left it who was killed before its first item: its job is gone. */
async function forgotten(items: object[], flags = {}): Promise<string> {
  const { body } = await bulk(t.owner, 'POST', '/bulk/prompts', { items, dryRun: true })
  const { atomic = false } = flags as { atomic?: boolean }
  await t.database.query(
    `update bulk_operation set status = 'queued', finished_at = null, started_at = null, succeeded = 0, failed = 0, skipped = 0, done_through = -1,
     dry_run = false, atomic = $2, touched_at = now() - interval '2 minutes' where id = $1`,
    [body.id, atomic],
  )
  for (const [index, item] of items.entries())
    await t.database.query(
      `update bulk_item set outcome = 'pending', problem = null, payload = $3 where operation_id = $1 and index = $2`,
      [body.id, index, JSON.stringify(item)],
    )
  return body.id
}

describe('cancelling', () => {
  test('ends an operation before its next chunk: what is done stays, the rest is skipped', async () => {
    const id = await create('cancelled')
    const promptIds = Array(1_000).fill(id)
    const { body } = await t.owner('PUT', '/bulk/prompts/tags', { promptIds, add: ['x'] })
    await expect
      .poll(async () => (await t.owner('GET', `/bulk/operations/${body.id}`)).body.progress.done, { interval: 10 })
      .toBeGreaterThan(0)
    const answer = await t.owner('PUT', `/bulk/operations/${body.id}/cancel`, undefined, { prefer: 'wait=30' })
    expect([answer.status, answer.body.status, answer.body.cancelRequested]).toEqual([200, 'cancelled', true])
    const { succeeded, skipped, failed } = answer.body.counts
    expect([failed, succeeded + skipped, succeeded > 0, skipped > 0]).toEqual([0, 1_000, true, true])
    const items = (await t.owner('GET', `/bulk/operations/${body.id}/items?outcome=skipped&limit=1&includeTotal=true`)).body
    expect([items.total, items.items[0].index]).toEqual([skipped, succeeded])
    expect((await told(t, 'bulk.finished')).filter((subject) => subject === body.id)).toHaveLength(1)
  }, 60_000)

  test('ends one at once that nobody works on, and a later run leaves it alone', async () => {
    const id = await forgotten([{ content: 'x', category: 'left alone' }])
    const answer = await t.owner('PUT', `/bulk/operations/${id}/cancel`)
    expect([answer.status, answer.body.status, outcomesOf(answer)]).toEqual([200, 'cancelled', ['skipped']])
    ahead += 120_000
    await run('bulk.resume')
    expect((await t.owner('GET', '/prompts/category/left%20alone')).body.items).toEqual([])
    const again = await t.owner('PUT', `/bulk/operations/${id}/cancel`)
    expect([again.status, again.body.code]).toEqual([409, 'bulk.operation_over'])
  })
})

describe('trying again', () => {
  test('runs the failed items only, as another operation that names the first, under their indices', async () => {
    await t.owner('POST', '/prompts', { content: 'x', category: 'again', name: 'taken' })
    const items = ['free', 'taken', 'also free'].map((name) => ({ content: name, category: 'again', name }))
    const first = await bulk(t.owner, 'POST', '/bulk/prompts', { items })
    expect(outcomesOf(first)).toEqual(['succeeded', 'prompt.name_taken', 'succeeded'])
    const { body: list } = await t.owner('GET', '/prompts/category/again?q=taken')
    await t.owner('PUT', `/prompts/${list.items[0].id}`, { name: 'given away' })
    const second = await bulk(t.owner, 'POST', `/bulk/operations/${first.body.id}/retry`, undefined)
    expect(second.body).toMatchObject({ kind: 'create', retryOf: first.body.id, status: 'succeeded', progress: { done: 1, total: 1 } })
    expect(second.body.items.map(({ index, outcome }: Told) => [index, outcome])).toEqual([[1, 'succeeded']])
    expect((await t.owner('GET', '/prompts/search/again/taken')).body.content).toBe('taken')
  })

  test('runs all of an atomic operation, since nothing of it stayed', async () => {
    await t.owner('POST', '/prompts', { content: 'x', category: 'all again', name: 'b' })
    const items = ['a', 'b'].map((name) => ({ content: name, category: 'all again', name }))
    const first = await bulk(t.owner, 'POST', '/bulk/prompts', { items, atomic: true })
    expect(outcomesOf(first)).toEqual(['skipped', 'prompt.name_taken'])
    const { body: list } = await t.owner('GET', '/prompts/category/all%20again')
    await t.owner('DELETE', `/prompts/${list.items[0].id}`)
    const second = await bulk(t.owner, 'POST', `/bulk/operations/${first.body.id}/retry`, undefined)
    expect([second.body.atomic, outcomesOf(second)]).toEqual([true, ['succeeded', 'succeeded']])
  })

  test('is refused while it goes on, and when nothing has failed that could be tried', async () => {
    const going = await forgotten([{ content: 'x', category: 'going on' }])
    const early = await t.owner('POST', `/bulk/operations/${going}/retry`)
    expect([early.status, early.body.code]).toEqual([409, 'bulk.operation_under_way'])
    await t.owner('PUT', `/bulk/operations/${going}/cancel`)
    const done = await bulk(t.owner, 'POST', '/bulk/prompts', { items: [{ content: 'x', category: 'nothing failed' }] })
    const nothing = await t.owner('POST', `/bulk/operations/${done.body.id}/retry`)
    expect([nothing.status, nothing.body.code]).toEqual([409, 'bulk.nothing_to_retry'])
    const unkept = await bulk(t.owner, 'POST', '/bulk/prompts', 'a\0b', ndjson)
    expect((await t.owner('POST', `/bulk/operations/${unkept.body.id}/retry`)).body.code).toBe('bulk.nothing_to_retry')
  })
})

describe('looking', () => {
  test('lists operations page by page, newest first, by status and kind', async () => {
    const id = await create('listed')
    const ids: string[] = []
    for (let n = 0; n < 3; n++) ids.unshift((await bulk(t.owner, 'PUT', '/bulk/prompts', { items: [{ id, description: `${n}` }] })).body.id)
    const first = (await t.owner('GET', '/bulk/operations?kind=update&limit=2')).body
    expect(first.items.map((one: { id: string }) => one.id)).toEqual(ids.slice(0, 2))
    const second = (await t.owner('GET', `/bulk/operations?kind=update&limit=2&cursor=${encodeURIComponent(first.nextCursor)}`)).body
    expect([second.items[0].id, second.nextCursor]).toEqual([ids[2], null])
    expect((await t.owner('GET', '/bulk/operations?kind=update&status=succeeded&includeTotal=true')).body.total).toBe(3)
    expect((await t.owner('GET', '/bulk/operations?kind=update&status=running')).body.items).toEqual([])
  })

  test('gives the items in their order, by outcome, page by page and as NDJSON', async () => {
    const items = Array.from({ length: 1_200 }, (_, n) => ({ content: n % 3 === 0 ? '' : `item ${n}`, category: 'items' }))
    const { body } = await t.owner('POST', '/bulk/prompts', linesOf(items), ndjson)
    const done = await over(t.owner, body.id)
    expect(done.body.counts).toEqual({ succeeded: 800, failed: 400, skipped: 0 })
    const failed: number[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = (
        await t.owner(
          'GET',
          `/bulk/operations/${body.id}/items?outcome=failed&limit=150${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
        )
      ).body as {
        items: Told[]
        nextCursor: string | null
      }
      failed.push(...page.items.map(({ index }) => index))
      cursor = page.nextCursor
    }
    expect(failed).toEqual(Array.from({ length: 400 }, (_, n) => 3 * n))
    const all = await t.owner('GET', `/bulk/operations/${body.id}/items/export`)
    expect(all.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8')
    const lines = all.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Told)
    expect(lines.map(({ index }) => index)).toEqual(items.map((_, n) => n))
    expect(lines[0]!.problem).toMatchObject({ code: 'request.invalid', status: 400, instance: `/api/v1/bulk/operations/${body.id}` })
    const succeeded = await t.owner('GET', `/bulk/operations/${body.id}/items/export?outcome=succeeded`)
    expect(succeeded.text.trimEnd().split('\n')).toHaveLength(800)
  }, 60_000)

  test('follows an operation as events, to its end; who comes back is told the end', async () => {
    const id = await create('followed')
    const { body } = await t.owner('PUT', '/bulk/prompts/tags', { promptIds: Array(600).fill(id), add: ['x'] })
    const follow = async (lastEventId?: string) => {
      const response = await fetch(`${t.url}/api/v1/bulk/operations/${body.id}/events`, {
        headers: { authorization: `Bearer ${bootstrapKey}`, ...(lastEventId && { 'last-event-id': lastEventId }) },
      })
      const frames = (await response.text()).split('\n\n').filter((frame) => frame.includes('event: '))
      return frames.map((frame) => ({
        event: /event: (\w+)/.exec(frame)![1],
        id: /id: (\S+)/.exec(frame)![1]!,
        data: JSON.parse(/data: (.*)/.exec(frame)![1]!),
      }))
    }
    const events = await follow()
    expect(events.at(-1)).toMatchObject({ event: 'finished', id: 'succeeded.600.600', data: { status: 'succeeded' } })
    expect(events.slice(0, -1).every(({ event }) => event === 'progress')).toBe(true)
    expect(await follow(events[0]!.id)).toEqual(events.slice(-1))
  }, 60_000)
})

describe('in the background', () => {
  test('an operation whose job was lost is taken up again, an atomic one too', async () => {
    const one = await forgotten([{ content: 'x', category: 'resumed' }])
    const all = await forgotten([{ content: 'x', category: 'resumed' }], { atomic: true })
    await run('bulk.resume')
    for (const id of [one, all]) expect((await over(t.owner, id)).body.counts).toEqual({ succeeded: 1, failed: 0, skipped: 0 })
    expect((await t.owner('GET', '/prompts/category/resumed')).body.items).toHaveLength(2)
  })

  test('a worker waits while another one holds the operation, and goes on where that one stopped', async () => {
    const id = await forgotten([{ content: 'x', category: 'held' }])
    const client = await t.database.query<{ held: boolean }>('select 1 as held')
    expect(client).toHaveLength(1)
    const held = t.database.query(
      `select pg_advisory_xact_lock(hashtextextended('bulk operation ' || $1, 0)), pg_sleep(0.7), (select outcome from bulk_item where operation_id = $1::uuid) as outcome`,
      [id],
    )
    await run('bulk.resume')
    expect(await held).toMatchObject([{ outcome: 'pending' }])
    expect((await over(t.owner, id)).body.counts.succeeded).toBe(1)
  })

  test('100 operations of a workspace may be open, no more', async () => {
    const ids: string[] = []
    for (let n = 0; n < 2; n++) ids.push(await forgotten([{ content: 'x', category: 'open' }]))
    await t.database.query(
      `insert into bulk_operation (workspace_id, id, kind, atomic, dry_run, options, status, total, request_id, created_by, created_at, touched_at)
       select workspace_id, gen_random_uuid(), kind, false, false, '{}', 'queued', 0, 'r', 'test', now() + interval '1 day', now() + interval '1 day' from bulk_operation, generate_series(1, 98) where id = $1`,
      [ids[0]],
    )
    for (const [body, headers] of [
      [{ items: [{ content: 'x' }] }, {}],
      ['{}', ndjson],
    ] as const) {
      const { status, body: problem } = await t.owner('POST', '/bulk/prompts', body, headers)
      expect([status, problem.code]).toEqual([409, 'bulk.too_many_operations'])
    }
    await t.database.query(`delete from bulk_operation where created_by = 'test'`)
    for (const id of ids) await t.owner('PUT', `/bulk/operations/${id}/cancel`)
  })

  test('operations are forgotten 30 days after their end, and half-received ones after a day', async () => {
    const done = await bulk(t.owner, 'POST', '/bulk/prompts', { items: [{ content: '' }] })
    const half = await bulk(t.owner, 'POST', '/bulk/prompts', { items: [{ content: '' }] })
    await t.database.query('update bulk_operation set received_at = null, finished_at = null where id = $1', [half.body.id])
    expect((await t.owner('GET', `/bulk/operations/${half.body.id}`)).status).toBe(404)
    await run('bulk.purge')
    const left = async () =>
      (await t.database.query<{ id: string }>('select distinct operation_id as id from bulk_item')).map(({ id }) => id)
    expect(await left()).toEqual(expect.arrayContaining([done.body.id, half.body.id]))
    ahead += 25 * 3_600_000
    await run('bulk.purge')
    expect(await left()).not.toContain(half.body.id)
    expect((await t.owner('GET', `/bulk/operations/${done.body.id}`)).status).toBe(200)
    ahead += 30 * 24 * 3_600_000
    await run('bulk.purge')
    const gone = await t.owner('GET', `/bulk/operations/${done.body.id}`)
    expect([gone.status, gone.body.code]).toEqual([404, 'bulk.operation_not_found'])
    expect(await left()).toEqual([])
  })
})
