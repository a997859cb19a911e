import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Call, startTestApp, type TestApp } from '../../testing/index.ts'
import { cleanUpDaily } from './jobs/clean-up.ts'
import { removeOldEvents } from './store/old-events.ts'
import { emptyLog, follow, placed } from './testing/log-kit.ts'
import { openStream } from './testing/stream-kit.ts'

const day = 24 * 3_600_000
let ahead = 0
let t: TestApp
beforeEach(async () => {
  ahead = 0
  t = await startTestApp({ clock: () => new Date(Date.now() + ahead).toISOString(), eventRetentionDays: 30 })
})
afterEach(() => t.stop())

const trigger = (call: Call, n: number) => call('POST', '/notifications/trigger', { type: 'custom.counted', data: { n } })
const cleanUp = (call: Call, body: object) => call('POST', '/notifications/cleanup', body)
const numbers = async (call: Call) => (await follow(call, '?type=custom.*')).events.map(({ data }) => data.n)
/** Everything that follows the feed has read all of it. */
const followed = async () => {
  await placed(t)
  const behind = `select 1 from feed_head h, (select position from search_progress union all select position from webhook_progress) p
    where p.position < h.position`
  await expect.poll(() => t.database.query(behind), { interval: 20 }).toEqual([])
}
/** Two old events and a new one. */
async function aged(call: Call): Promise<void> {
  await trigger(call, 1)
  await trigger(call, 2)
  ahead = 40 * day
  await trigger(call, 3)
  await followed()
}

describe('POST /notifications/cleanup', () => {
  test('removes what is older, in the own workspace only, and says how much', async () => {
    const [mine, other] = [await emptyLog(t), await emptyLog(t)]
    await trigger(other, 0)
    await aged(mine)
    expect((await cleanUp(mine, { olderThanDays: 41 })).body).toEqual({ deleted: { events: 0, deliveries: 0 } })
    expect((await cleanUp(mine, { what: ['events'] })).body).toEqual({ deleted: { events: 2 } })
    expect((await cleanUp(mine, {})).body).toEqual({ deleted: { events: 0, deliveries: 0 } })
    expect(await numbers(mine)).toEqual([3])
    expect((await mine('GET', '/notifications/stats')).body.events).toMatchObject({ total: 1 })
    expect(await numbers(other)).toEqual([0])
  })

  test('answers 410 to a cursor of what is gone, in the log and in the stream; one of the last that went is good', async () => {
    const call = await emptyLog(t)
    await trigger(call, 1)
    await placed(t)
    const early = (await call('GET', '/notifications/events')).body.cursor
    await trigger(call, 2)
    await placed(t)
    const last = (await call('GET', '/notifications/events')).body.cursor
    ahead = 40 * day
    await trigger(call, 3)
    await followed()
    await cleanUp(call, {})
    const { status, body } = await call('GET', `/notifications/events?cursor=${early}`)
    expect([status, body.code, body.detail]).toEqual([410, 'events.gone', expect.stringContaining('go on without a cursor')])
    expect((await call('GET', `/notifications/events?cursor=${last}`)).body.items).toHaveLength(1)
    const mine = (await t.owner('GET', '/notifications/events')).body.cursor
    await t.database.query(
      'insert into event_log_start (workspace_id, position, removed_at) select id, 1e6, now() from workspace on conflict do nothing',
    )
    await expect(openStream(t.url, '', { lastEventId: mine })).rejects.toThrow('410')
  })

  test('keeps what the search index has not read yet', async () => {
    const call = await emptyLog(t)
    await aged(call)
    await t.database.query('alter table search_progress rename column walking to unreadable') // the indexer cannot follow just now
    await t.database.query('update search_progress set position = 0')
    expect((await cleanUp(call, {})).body).toEqual({ deleted: { events: 0, deliveries: 0 } })
    expect(await numbers(call)).toEqual([1, 2, 3])
  })

  test('leaves no holes: what happened early and was told late goes when all before it may go', async () => {
    const call = await emptyLog(t)
    ahead = 40 * day
    await trigger(call, 1)
    ahead = 0
    await trigger(call, 2)
    ahead = 40 * day
    await followed()
    expect((await cleanUp(call, {})).body).toEqual({ deleted: { events: 0, deliveries: 0 } })
    expect(await numbers(call)).toEqual([1, 2])
  })

  test('needs the right to change webhooks, and takes days from 1 to 3650', async () => {
    const editor = await t.as('notifications:write', 'notifications:read')
    expect((await cleanUp(editor, {})).body).toMatchObject({ status: 403, permission: 'webhooks:write' })
    for (const body of [
      { olderThanDays: 0 },
      { olderThanDays: 3_651 },
      { olderThanDays: 1.5 },
      { what: [] },
      { what: ['other'] },
      { all: true },
    ])
      expect([body, (await cleanUp(t.owner, body)).status]).toEqual([body, 400])
  })
})

describe('old events', () => {
  const system = <T>(work: Parameters<typeof t.app.database.within<T>>[2]) => t.app.database.within('system', 'write', work)

  test('leave all workspaces each night, by the retention of the installation', async () => {
    const [one, other] = [await emptyLog(t), await emptyLog(t)]
    await trigger(other, 0)
    await aged(one)
    const job = t.app.modules.flatMap(({ jobs }) => jobs ?? []).find(({ name }) => name === 'notifications.clean_up')
    expect(job?.schedule).toMatch(/^\d+ \d+ \* \* \*$/)
    const ctx = t.app.runtime.contextFor(
      { id: 'schedule', workspaceId: one.workspaceId, permissions: new Set(['*']), instanceAdmin: false },
      { requestId: 'schedule' },
    )
    await job!.run({} as never, ctx)
    expect(await numbers(one)).toEqual([3])
    expect(await numbers(other)).toEqual([])
    expect(await t.database.query('select 1 from outbox where created_at < now()')).toEqual([])
    expect(cleanUpDaily(1, { readers: [], held: async () => new Set() }, async () => 0).name).toBe('notifications.clean_up')
  })

  test('that somebody still waits for stay until the next time, beyond the beginning of the log', async () => {
    const call = await emptyLog(t)
    await aged(call)
    let waiting = true
    const keeping = {
      readers: [],
      held: async (_db: unknown, events: readonly { id: number; data: { n?: unknown } }[]) =>
        new Set(waiting ? events.filter(({ data }) => data.n === 1).map(({ id }) => id) : []),
    }
    const by = { within: system, keeping, now: () => new Date(Date.now() + ahead).toISOString() }
    const left = () =>
      t.database.query<{ n: number }>(`select (data->>'n')::int as n from outbox where workspace_id = $1 order by position`, [
        call.workspaceId,
      ])
    await removeOldEvents(30, by)
    expect(await left()).toEqual([{ n: 1 }, { n: 3 }])
    expect(await numbers(call)).toEqual([3])
    waiting = false
    expect(await removeOldEvents(30, by)).toBe(1)
    expect(await left()).toEqual([{ n: 3 }])
  })

  test('go in batches', async () => {
    const call = await emptyLog(t)
    await t.database.query(
      `insert into outbox (workspace_id, position, type, subject, data, actor, request_id, created_at)
       select $1, h.position + n, 'custom.counted', 's', '{}', 'a', 'r', now() - interval '90 days' from feed_head h, generate_series(1, 4500) n`,
      [call.workspaceId],
    )
    await t.database.query('update feed_head set position = position + 4500')
    await followed()
    expect((await cleanUp(call, {})).body).toEqual({ deleted: { events: 4_500, deliveries: 0 } })
  })
})
