import { DDSketch } from '@datadog/sketches-js'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../core/db.ts'
import { foldPass } from './jobs/fold.ts'
import { rebuild } from './jobs/rebuild.ts'
import { type Measured, startMeasured } from './testing/analytics-kit.ts'

let t: Measured
beforeAll(async () => {
  t = await startMeasured()
})
afterAll(() => t.stop())
afterEach(async () => {
  await t.app.analytics.settle()
  await t.database.query('delete from usage_event')
  for (const table of ['usage_rollup', 'usage_user', 'usage_event_id']) await t.database.query(`delete from ${table}`)
})

const day = 86_400_000
const now = Date.now()
const today = now - (now % day)

/** Few values of each, so that events meet. */
const someEvent = fc.record({
  eventId: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { nil: undefined }),
  version: fc.constantFrom(1, 2, undefined),
  model: fc.constantFrom('gpt-4o', 'claude-sonnet-4-20250514', 'of-my-own'),
  service: fc.constantFrom('web', undefined),
  inputTokens: fc.integer({ min: 0, max: 5_000 }),
  outputTokens: fc.integer({ min: 0, max: 500 }),
  latencyMs: fc.double({ min: 0, max: 90_000, noNaN: true }),
  timeToFirstTokenMs: fc.option(fc.integer({ min: 0, max: 900 }), { nil: undefined }),
  success: fc.boolean(),
  userId: fc.option(fc.constantFrom('u1', 'u2', 'u3'), { nil: undefined }),
  occurredAt: fc.integer({ min: 0, max: 70 * 24 }).map((hours) => new Date(now - hours * 3_600_000).toISOString()),
})

/** A recount by the database itself, of what it can add up. */
const recount = `
  with e as (select e.*, flags & 2 <> 0 as rating from usage_event e),
  g as (select 0 as grain, 'hour' as unit union all select 1, 'day' union all select 2, 'month')
  select g.grain, date_trunc(g.unit, occurred_at at time zone 'UTC') as at, s.series, count(*) filter (where not rating)::int as requests,
    count(*) filter (where not rating and flags & 1 = 0)::int as errors, count(*) filter (where not rating and cost_micros is null)::int as unpriced,
    sum(input_tokens)::text as input, sum(output_tokens)::text as output, coalesce(sum(cost_micros), 0)::text as cost, sum(latency_us)::text as latency,
    coalesce(sum(ttft_us), 0)::text as ttft, count(*) filter (where rating)::int as ratings, coalesce(sum(score), 0)::text as score
  from e cross join g cross join lateral (values (e.series), (0)) as s (series) group by 1, 2, 3 order by 1, 2, 3`
const counted = `
  select grain::int, at at time zone 'UTC' as at, series, requests::int, errors::int, unpriced::int, input_tokens::text as input, output_tokens::text as output,
    cost_micros::text as cost, latency_us::text as latency, ttft_us::text as ttft, ratings::int, score::text from usage_rollup order by 1, 2, 3`
const usersRecounted = `
  select date_trunc('day', occurred_at at time zone 'UTC') as at, encode(user_hash, 'hex') as u, count(*)::int as n, sum(input_tokens + output_tokens)::text as tokens
  from usage_event where user_hash is not null and flags & 2 = 0 group by 1, 2 order by 1, 2`
const usersCounted = `select at at time zone 'UTC' as at, encode(user_hash, 'hex') as u, requests::int as n, tokens::text from usage_user order by 1, 2`

describe('rollups', () => {
  test('equal a recount under random order, duplicates, late events and folds in between; and a rebuild gives the same to the bit', async () => {
    const batches = fc.array(fc.tuple(fc.array(someEvent, { minLength: 1, maxLength: 25 }), fc.boolean()), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(batches, async (told) => {
        for (const [events, fold] of told) {
          const half = Math.ceil(events.length / 2)
          const tell = (some: typeof events) => t.tell(...some.map((event) => t.event(event)))
          const answers = await Promise.all([tell(events.slice(0, half)), events.length > half ? tell(events.slice(half)) : undefined])
          for (const answer of answers) expect(answer?.body.errors).toBeUndefined()
          await t.owner('POST', '/analytics/satisfaction', { promptId: t.promptId, rating: 4, occurredAt: events[0]!.occurredAt })
          if (fold) await t.app.analytics.settle()
        }
        await t.app.analytics.settle()
        expect(await t.database.query(counted)).toEqual(await t.database.query(recount))
        expect(await t.database.query(usersCounted)).toEqual(await t.database.query(usersRecounted))
        const before = await t.rollups()
        const [{ n }] = (await t.database.query<{ n: number }>('select count(*)::int as n from usage_event')) as [{ n: number }]
        expect(await t.app.analytics.rebuild(now - 75 * day, now + day)).toBe(n)
        expect(await t.rollups()).toEqual(before)
        for (const table of ['usage_event', 'usage_rollup', 'usage_user', 'usage_event_id']) await t.database.query(`delete from ${table}`)
      }),
      { numRuns: 12 },
    )
  })

  test('a rollup that was damaged is right after a rebuild', async () => {
    await t.tell(t.event({ userId: 'u1' }), t.event({ occurredAt: new Date(now - 40 * day).toISOString() }))
    await t.app.analytics.settle()
    const before = await t.rollups()
    await t.database.query(`update usage_rollup set requests = 99`)
    await t.database.query(`update usage_user set tokens = 99`)
    await t.app.analytics.rebuild(now - 41 * day, now + day)
    expect(await t.rollups()).toEqual(before)
  })

  test('rows of a transaction that commits late are counted when it has', async () => {
    await t.tell(t.event())
    const insert = `insert into usage_event (workspace_id, occurred_at, latency_us, series, input_tokens, output_tokens, flags)
      select workspace_id, occurred_at, 1, series, 1, 1, 1 from usage_event limit 1`
    const pg = await import('pg')
    const late = new pg.default.Client(t.database.url)
    await late.connect()
    await late.query('begin')
    await late.query(insert)
    await t.tell(t.event())
    await t.app.runtime.feed.confirm()
    await t.app.database.within('system', 'write', (db) => foldPass(db))
    const requests = async () =>
      (
        await t.database.query<{ n: number }>(
          'select coalesce(max(requests), 0)::int as n from usage_rollup where series = 0 and grain = 1',
        )
      )[0]!.n
    expect(await requests()).toBeLessThan(3)
    await late.query('commit')
    await late.end()
    await t.app.analytics.settle()
    expect(await requests()).toBe(3)
  })

  test('series beyond the limit of an hour are counted together, told as such, and a rebuild keeps who was told apart', async () => {
    const at = new Date(today - day).toISOString()
    await t.app.analytics.settle()
    await t.database.query(`update usage_fold set horizon = (pg_current_xact_id()::text::bigint + 1000000)::text::xid8`) // the background rests
    const services = Array.from({ length: 6 }, (_, i) => `service ${i}`)
    await t.tell(...services.map((service) => t.event({ service, occurredAt: at })))
    const limited = async (db: Db) => {
      // In one transaction, so that the background never sees the horizon between the two; it may be at it just now.
      await sql`update usage_fold set horizon = '0'`.execute(db)
      const folded = await foldPass(db, { seriesPerHour: 4 })
      if (folded?.rows !== services.length) throw new Error('an earlier transaction of somebody else is still under way')
      return true
    }
    await expect.poll(() => t.app.database.within('system', 'write', limited).catch(() => false)).toBe(true)
    const rows = await t.database.query<{ series: number; n: number }>(
      'select least(series, 1) as series, count(*)::int as n, sum(requests)::int as requests from usage_rollup where grain = 0 group by 1 order by 1',
    )
    expect(rows).toEqual([
      { series: -1, n: 1, requests: 2 },
      { series: 0, n: 1, requests: 6 },
      { series: 1, n: 4, requests: 4 },
    ])
    const before = await t.rollups()
    expect(await t.app.database.within('system', 'write', (db) => rebuild(db, today - day, today, now, 4))).toBe(services.length)
    expect(await t.rollups()).toEqual(before)
  })

  test('a second instance does not count while one is at it', async () => {
    const pg = await import('pg')
    const other = new pg.default.Client(t.database.url)
    await other.connect()
    await other.query('begin')
    await other.query('select 1 from usage_fold for update')
    expect(await t.app.database.within('system', 'write', (db) => foldPass(db))).toBeUndefined()
    await other.query('rollback')
    await other.end()
  })

  test('after a restore, where numbers of transactions mean nothing, all is counted once', async () => {
    await t.tell(t.event({ userId: 'u1' }), t.event({ version: 2 }), t.event({ occurredAt: new Date(now - 3 * day).toISOString() }))
    await t.app.analytics.settle()
    const before = await t.rollups()
    await t.database.query(`update usage_fold set horizon = '0', counted_by = null`)
    await t.database.query(`update usage_event set xid = pg_current_xact_id()`)
    await t.app.analytics.settle()
    expect(await t.rollups()).toEqual(before)
  })
})

test('quantiles of what is stored are those of the library, within 1 % of the values themselves', async () => {
  const { addValue, emptySketch, encodeSketch, mergeEncoded, mergeSketch, quantiles } = await import('./model/sketch.ts')
  fc.assert(
    fc.property(
      // Far apart, and so near that their bins are neighbours: each is stored in its own way.
      fc.oneof(...[2 ** 40, 3_000, 50].map((max) => fc.array(fc.integer({ min: 0, max }), { minLength: 1, maxLength: 300 }))),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, q) => {
        const [one, other, read, back] = [emptySketch(), emptySketch(), emptySketch(), emptySketch()]
        const library = new DDSketch({ relativeAccuracy: 0.01 })
        for (const [i, value] of values.entries()) {
          addValue(i % 2 ? one : other, value)
          library.accept(value)
        }
        for (const part of [one, other]) mergeEncoded(read, encodeSketch(part))
        for (const part of [other, one]) mergeSketch(back, part)
        const [found] = quantiles(read, [q])
        expect(found).toBeCloseTo(library.getValueAtQuantile(q), 6)
        const exact = values.sort((a, b) => a - b)[Math.floor(q * (values.length - 1))]!
        expect(Math.abs(found! - exact)).toBeLessThanOrEqual(exact * 0.0100001)
        expect(encodeSketch(read).equals(encodeSketch(back))).toBe(true)
      },
    ),
  )
})

test('a sketch is stored in the shorter of two ways, and both are read', async () => {
  const { countOf, emptySketch, encodeSketch, mergeEncoded } = await import('./model/sketch.ts')
  const sketchOf = (...bytes: number[]) => {
    const sketch = emptySketch()
    mergeEncoded(sketch, Uint8Array.from(bytes))
    return sketch
  }
  const [pairs, neighbours] = [sketchOf(5, 3, 1, 2, 2, 0x81, 0x01), sketchOf(5, 0, 3, 2, 0, 0x81, 0x01)]
  expect(pairs).toEqual(neighbours)
  expect([4, 5, 6, 7, 8, 9].map((bin) => countOf(pairs, bin))).toEqual([0, 3, 2, 0, 129, 0])
  expect([...encodeSketch(pairs)]).toEqual([5, 3, 1, 2, 2, 0x81, 0x01]) // as long: the first way
  expect([...encodeSketch(sketchOf(5, 3, 1, 2, 1, 1))]).toEqual([5, 0, 3, 2, 1])
  expect([...encodeSketch(sketchOf(5, 3, 100, 2))]).toEqual([5, 3, 100, 2])
  expect([...encodeSketch(emptySketch())]).toEqual([])
})

test('different users are counted within 10 %, in whatever parts they come', async () => {
  const { addUser, encodeDistinct, estimate, mergeDistinct, mergeEncodedDistinct, nobody } = await import('./model/distinct.ts')
  const { userHashOf } = await import('./model/preparing.ts')
  for (const users of [0, 1, 10, 500, 5_000, 50_000]) {
    const [one, other] = [nobody(), nobody()]
    for (let n = 0; n < users; n++) {
      const hash = userHashOf(Buffer.from('key'), `user ${n}`)
      addUser(one, hash)
      if (n % 3 === 0) addUser(other, hash)
    }
    const read = nobody()
    mergeEncodedDistinct(read, encodeDistinct(other))
    mergeDistinct(read, one)
    expect(Math.abs(estimate(read) - users)).toBeLessThanOrEqual(users * 0.1)
    expect(encodeDistinct(read).equals(encodeDistinct(one))).toBe(true)
  }
})

test('the register of a user is the first 11 bits of the hash, the rank the place of the first 1 in the other 53', async () => {
  const { addUser, nobody } = await import('./model/distinct.ts')
  const edges = fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 52n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n)
  fc.assert(
    fc.property(fc.oneof(edges, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), (value) => {
      const distinct = nobody()
      addUser(distinct, value.toString(16).padStart(16, '0'))
      const rest = value & (2n ** 53n - 1n)
      expect(distinct[Number(value >> 53n)]).toBe(rest === 0n ? 54 : 54 - rest.toString(2).length)
    }),
  )
})
