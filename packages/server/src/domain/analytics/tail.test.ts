import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../core/db.ts'
import { points, sumsBySeries } from './queries/tallies.ts'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

/** More than one trip brings, and no multiple of it. */
const uncounted = 12_007
const now = Date.now()
const day = 86_400_000
let t: Measured
let counting: pg.Client
beforeAll(async () => {
  t = await startMeasured()
  await t.tell(t.event(), t.event({ version: 2, success: false }))
  await t.app.analytics.settle()
  counting = new pg.Client(t.database.url)
  await counting.connect()
  await counting.query('begin')
  await counting.query('select 1 from usage_fold for update') // as an instance would that counts and counts
  await t.database.query(`
    insert into usage_event (workspace_id, occurred_at, latency_us, cost_micros, series, input_tokens, output_tokens, flags)
    select workspace_id, now(), 1000 * n, 7, series, 10, n % 9, 1 from (select * from usage_event where flags & 1 = 1 limit 1) e, generate_series(1, ${uncounted}) n`)
})
afterAll(async () => {
  await counting.query('rollback')
  await counting.end()
  await t.stop()
})

describe('while counting is behind', () => {
  test('the dashboard tells every event, however many are not counted', async () => {
    const { status, body } = await t.owner('GET', '/analytics/dashboard')
    expect([status, body.totals.requests, body.totals.errors]).toEqual([200, uncounted + 2, 1])
    const p50 = body.totals.latencyMs.p50
    expect(Math.abs(p50 - uncounted / 2)).toBeLessThan(0.02 * uncounted)
  })

  test('so do use by prompt, by version and the summary', async () => {
    const versions = (await t.owner('GET', '/analytics/usage?groupBy=version')).body.items
    expect(versions.map(({ requests }: { requests: number }) => requests)).toEqual([uncounted + 1, 1])
    const summary = (await t.owner('GET', '/analytics/summary?days=2')).body
    expect([summary.totals.requests, summary.topPrompts[0].requests]).toEqual([uncounted + 2, uncounted + 2])
  })

  test('beyond what one read takes it says so, and when to come again, instead of leaving something out', async () => {
    const [{ id }] = (await t.database.query<{ id: string }>('select workspace_id as id from usage_event limit 1')) as [{ id: string }]
    const [filter, scope] = [
      { from: now - day, to: now + day },
      { whole: true, matching: sql`r.series = 0` },
    ]
    const asked = (most: number, read: typeof points | typeof sumsBySeries) =>
      t.app.database.within<unknown>({ workspaceId: id }, 'read', (db: Db) =>
        read(db, 'day', filter, scope, { tailAtOnce: 1_000, tail: most }),
      )
    for (const read of [points, sumsBySeries]) {
      await expect(asked(uncounted - 1, read)).rejects.toMatchObject({
        kind: { status: 503 },
        message: expect.stringContaining('not counted yet'),
        extras: { headers: { 'Retry-After': '5' } },
      })
      await expect(asked(uncounted, read)).resolves.toBeDefined()
    }
  })
})
