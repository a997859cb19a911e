import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OutcomeRow } from './model/outcomes.ts'
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
  const { countPass } = await import('./jobs/count.ts')
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
  const { countPass } = await import('./jobs/count.ts')
  expect(await t.app.database.within('system', 'write', countPass)).toBeUndefined()
  await other.query('rollback')
  await other.end()
})
