import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { settledBefore } from '../../core/horizon.ts'
import { countPass } from './jobs/count.ts'
import { recountSlice, wantRecount } from './jobs/recount.ts'
import type { OutcomeRow } from './model/outcomes.ts'
import { forgetUnit } from './store/erasure.ts'
import { addExposures, type Exposure } from './store/exposures.ts'
import { insertOutcomes } from './store/outcomes.ts'
import { startTested, type Tested } from './testing/test-kit.ts'

let t: Tested
beforeAll(async () => {
  t = await startTested()
})
afterAll(() => t.stop())

const workspaceId = '00000000-0000-7000-8000-000000000001'
const testId = '01900000-0000-7000-8000-00000000abcd'
const begin = Date.parse('2026-01-01T00:00:00.000Z')
const at = (minute: number) => new Date(begin + minute * 60_000).toISOString()
const hashes = ['01', '02', '03', '04'].map((end) => `00000000000000${end}`)

/** Few units, phases, minutes and values, so that they meet. */
const exposure = fc
  .record({ unit: fc.constantFrom(...hashes), phase: fc.integer({ min: 1, max: 3 }), variant: fc.constantFrom('A', 'B') })
  .map(
    ({ unit, phase, variant }): Exposure => ({ workspaceId, testId, phase, unitHash: unit, variant, checksum: 'c', at: at(phase * 100) }),
  )
const optional = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null })
const outcome = fc
  .record({
    unit: fc.constantFrom(...hashes),
    minute: fc.integer({ min: 0, max: 400 }),
    claimed: fc.constantFrom('', '', '', 'A', 'B'),
    success: optional(fc.constantFrom(0, 1)),
    latency: optional(fc.integer({ min: 0, max: 1e9 })),
    score: optional(fc.integer({ min: -1e12, max: 1e12 })),
  })
  .map(
    ({ unit, minute, claimed, success, latency, score }): OutcomeRow => ({
      workspaceId,
      testId,
      unitHash: unit,
      at: at(minute),
      claimed,
      values: { success, score, latencyMs: latency, costUsd: null, tokens: null, satisfaction: null },
      metadata: null,
    }),
  )
const step = fc.oneof(
  fc.record({ exposures: fc.array(exposure, { minLength: 1, maxLength: 4 }) }),
  fc.record({ outcomes: fc.array(outcome, { minLength: 1, maxLength: 12 }) }),
  fc.constant('count' as const),
)

type Sum = { units: number; n: bigint; sum: bigint; nn: bigint; ss: bigint; ns: bigint; xUnits: number; x: bigint }

/** The same by hand: each outcome for the latest exposure of its unit before it, to the variant that it names. */
function byHand(exposures: readonly Exposure[], outcomes: readonly OutcomeRow[]) {
  const tally = { counted: 0, earlier: 0, unexposed: 0, contradicting: 0 }
  const units = new Map<string, { phase: number; moved: boolean; n: bigint; sum: bigint; earlierN: bigint; earlierSum: bigint }>()
  for (const one of outcomes) {
    const own = exposures.filter(({ unitHash }) => unitHash === one.unitHash).sort((a, b) => a.phase - b.phase)
    const fitting = own.filter(({ variant }) => one.claimed === '' || variant === one.claimed)
    const slackMs = one.claimed === '' ? 10_000 : 300_000
    const hit = fitting.findLast((exposed) => Date.parse(exposed.at) <= Date.parse(one.at) + slackMs)
    const kind = own.length === 0 ? 'unexposed' : fitting.length === 0 ? 'contradicting' : hit ? 'counted' : 'earlier'
    tally[kind]++
    if (kind === 'unexposed' || kind === 'contradicting') continue
    const variant = hit?.variant ?? own[0]!.variant
    for (const [metric, value] of Object.entries(one.values)) {
      if (value === null) continue
      const key = `${one.unitHash} ${variant} ${metric}`
      const unit = units.get(key) ?? {
        phase: own.find((exposed) => exposed.variant === variant)!.phase,
        moved: variant !== own[0]!.variant,
        n: 0n,
        sum: 0n,
        earlierN: 0n,
        earlierSum: 0n,
      }
      units.set(key, unit)
      if (kind === 'counted') [unit.n, unit.sum] = [unit.n + 1n, unit.sum + BigInt(value)]
      else [unit.earlierN, unit.earlierSum] = [unit.earlierN + 1n, unit.earlierSum + BigInt(value)]
    }
  }
  return { tally, sums: summed(units) }
}

/** Half away from zero, as the database rounds. */
function rounded(sum: bigint, n: bigint): bigint {
  const [size, sign] = sum < 0n ? [-sum, -1n] : [sum, 1n]
  return sign * ((2n * size + n) / (2n * n))
}

function summed(
  units: ReadonlyMap<string, { phase: number; moved: boolean; n: bigint; sum: bigint; earlierN: bigint; earlierSum: bigint }>,
): string[] {
  const sums = new Map<string, Sum>()
  for (const [name, { phase, moved, n, sum, earlierN, earlierSum }] of units) {
    if (n === 0n) continue
    const [, variant, metric] = name.split(' ')
    const key = `${phase} ${variant} ${moved} ${metric}`
    const one = sums.get(key) ?? { units: 0, n: 0n, sum: 0n, nn: 0n, ss: 0n, ns: 0n, xUnits: 0, x: 0n }
    sums.set(key, one)
    one.units++
    one.n += n
    one.sum += sum
    one.nn += n * n
    one.ss += sum * sum
    one.ns += n * sum
    if (earlierN > 0n) [one.xUnits, one.x] = [one.xUnits + 1, one.x + rounded(earlierSum, earlierN)]
  }
  return [...sums].map(([key, s]) => `${key} ${s.units} ${s.n} ${s.sum} ${s.nn} ${s.ss} ${s.ns} ${s.xUnits} ${s.x}`).sort()
}

const names = `(array['success', 'score', 'latencyMs', 'costUsd', 'tokens', 'satisfaction'])[metric + 1]`
const storedSums = `select phase || ' ' || variant || ' ' || moved || ' ' || ${names} || ' ' || units || ' ' || n || ' ' || sum || ' ' || nn || ' ' || ss || ' ' || ns || ' ' || earlier_units || ' ' || x as row
  from ab_sum where units <> 0`
const tables = ['ab_outcome', 'ab_exposure', 'ab_unit', 'ab_sum', 'ab_bin', 'ab_series', 'ab_exposed', 'ab_tally']

/** A recount in slices of so few rows that there are many, each by another pass. @returns how many passes that took */
async function inSlices(atOnce: number, between: (n: number) => Promise<unknown> = async () => undefined): Promise<number> {
  await t.app.database.within('system', 'write', wantRecount)
  for (let n = 1; ; n++) {
    const done = await t.app.database.within('system', 'write', async (db) => {
      const { rows } = await sql<Parameters<typeof recountSlice>[1]>`
        select horizon::text, greatest(horizon, ${settledBefore})::text as settled, recount_to::text, recount_workspace, recount_test, recount_unit
        from ab_fold where counted_by is null for update`.execute(db)
      if (rows[0]) await recountSlice(db, rows[0], atOnce)
      return rows.length === 0
    })
    if (done) return n
    await between(n)
  }
}

test('counts equal a recount by hand in whatever order outcomes and exposures come, and a recount gives the same to the bit', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const exposures: Exposure[] = []
      const outcomes: OutcomeRow[] = []
      for (const one of steps) {
        if (one === 'count') await t.app.abTesting.settle()
        else if ('outcomes' in one) {
          outcomes.push(...one.outcomes)
          await t.app.database.within('system', 'write', (db) => insertOutcomes(db, one.outcomes))
        } else {
          for (const exposed of one.exposures)
            if (!exposures.some((known) => known.unitHash === exposed.unitHash && known.phase === exposed.phase)) exposures.push(exposed)
          await t.app.database.within('system', 'write', (db) => addExposures(db, one.exposures))
        }
      }
      await t.app.abTesting.settle()
      const { sums, tally } = byHand(exposures, outcomes)
      expect((await t.database.query<{ row: string }>(storedSums)).map(({ row }) => row).sort()).toEqual(sums)
      const [stored] = await t.database.query('select counted::int, earlier::int, unexposed::int, contradicting::int from ab_tally')
      expect(stored ?? { counted: 0, earlier: 0, unexposed: 0, contradicting: 0 }).toEqual(tally)
      const counts = await t.counts()
      await t.app.abTesting.outcomes.recount()
      expect(await t.counts()).toEqual(counts)
      await inSlices(2)
      expect(await t.counts()).toEqual(counts)
      for (const table of tables) await t.database.query(`delete from ${table}`)
    }),
    { numRuns: 40 },
  )
})

test('outcomes of a transaction that commits late are counted when it has', async () => {
  const pg = await import('pg')
  const late = new pg.default.Client(t.database.url)
  await late.connect()
  await late.query('begin')
  await late.query(
    `insert into ab_outcome (workspace_id, test_id, unit_hash, at, claimed, success) values ($1, $2, '\\x01', now(), '', 1)`,
    [workspaceId, testId],
  )
  await t.app.database.within('system', 'write', countPass)
  await late.query('commit')
  await late.end()
  await t.app.abTesting.settle()
  expect(await t.database.query('select unexposed::int from ab_tally')).toEqual([{ unexposed: 1 }])
})

test('a second instance does not count while one is at it', async () => {
  const pg = await import('pg')
  const other = new pg.default.Client(t.database.url)
  await other.connect()
  await other.query('begin')
  await other.query('select 1 from ab_fold for update')
  expect(await t.app.database.within('system', 'write', countPass)).toBeUndefined()
  await other.query('rollback')
  await other.end()
})

test('a recount goes on where it was stopped, counts what came meanwhile afterwards, and begins anew where a unit is forgotten', async () => {
  for (const table of tables) await t.database.query(`delete from ${table}`)
  const tests = ['01900000-0000-7000-8000-00000000aaaa', '01900000-0000-7000-8000-00000000bbbb']
  const units = `from generate_series(1, 60) i cross join unnest(array['${tests.join("','")}']::uuid[]) t`
  const hash = `decode(lpad(to_hex(i), 16, '0'), 'hex')`
  await t.database.query(
    `insert into ab_exposure (workspace_id, test_id, unit_hash, phase, variant, checksum, first_at)
     select '${workspaceId}', t, ${hash}, 1, case when i % 2 = 0 then 'A' else 'B' end, 'c', now() - interval '1 day' ${units}`,
  )
  const add = (when = 'now()') =>
    t.database.query(
      `insert into ab_outcome (workspace_id, test_id, unit_hash, at, claimed, success) select '${workspaceId}', t, ${hash}, ${when}, '', i % 3 % 2 ${units}`,
    )
  for (let n = 0; n < 3; n++) await add()
  await t.app.abTesting.settle()
  const counts = await t.counts()
  expect(await inSlices(20)).toBeGreaterThan(20)
  expect(await t.counts()).toEqual(counts)
  await inSlices(20, async (n) => {
    if (n === 5) await add()
    if (n === 8) await t.app.database.within('system', 'write', (db) => forgetUnit(db, workspaceId, '0000000000000001', 'nonce'))
  })
  await t.app.abTesting.settle()
  const after = await t.counts()
  expect(after).not.toEqual(counts)
  await t.app.abTesting.outcomes.recount()
  expect(await t.counts()).toEqual(after)
  const tallies = await t.database.query('select counted::int from ab_tally order by test_id')
  expect(tallies).toEqual([{ counted: 240 }, { counted: 240 }])
})

test('a backlog is counted in pieces, also where the tables were nearly empty when they were analyzed', async () => {
  for (const table of tables) await t.database.query(`delete from ${table}`)
  const hash = `decode(lpad(to_hex(i), 16, '0'), 'hex')`
  const insert = async () => {
    for (let first = 1; first < 45_000; first += 15_000)
      await t.database.query(
        `insert into ab_exposure (workspace_id, test_id, unit_hash, phase, variant, checksum, first_at)
         select $1, $2, ${hash}, 1, 'A', 'c', now() from generate_series($3::int, $3::int + 14999) i`,
        [workspaceId, testId, first],
      )
    await t.database.query(
      `insert into ab_outcome (workspace_id, test_id, unit_hash, at, claimed, success) select $1, $2, ${hash}, now(), '', 1 from generate_series(1, 15000) i`,
      [workspaceId, testId],
    )
  }
  await insert()
  await t.app.abTesting.settle()
  for (const table of tables) {
    const byUnit = ['ab_exposure', 'ab_outcome', 'ab_unit'].includes(table)
    const butLast = byUnit ? `where unit_hash < (select unit_hash from ${table} order by 1 desc limit 1)` : ''
    await t.database.query(`delete from ${table} ${butLast}`)
    await t.database.query(`vacuum analyze ${table}`)
  }
  await t.database.query('delete from ab_exposure')
  await t.database.query('delete from ab_outcome')
  await insert()
  const units = async () =>
    (await t.database.query<{ units: number }>('select coalesce(sum(units), 0)::int as units from ab_exposed'))[0]!.units
  const steps = [0]
  for (let counted = 0; counted < 45_000; counted += steps.at(-1)!) {
    await t.app.database.within('system', 'write', countPass) // counts nothing while a transaction of others is under way
    steps.push((await units()) - counted)
  }
  expect(Math.max(...steps)).toBeLessThan(45_000)
  await t.app.abTesting.settle()
  expect(await t.database.query('select counted::int, unexposed::int from ab_tally')).toEqual([{ counted: 15_000, unexposed: 0 }])
})
