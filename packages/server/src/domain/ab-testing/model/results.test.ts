import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anExperiment, figuresOf, measured, successes, sumsOf, tenDaysIn } from '../testing/figures.ts'
import { random } from '../testing/random.ts'
import { recommendationOf } from './decisions.ts'
import type { Experiment } from './experiment.ts'
import { sequentialTest, welchTest } from './frequentist.ts'
import { minimumRelativeEffect } from './planning.ts'
import { powerOf } from './power.ts'
import { analysed, armsOf, chancesToBeBest, type Figures } from './results.ts'
import { estimateOf, pairOf, quantileStatistic } from './summaries.ts'

const recommended = (one: Experiment, figures: Figures) => recommendationOf(one, analysed(one, figures), armsOf(one, figures), tenDaysIn)

test('one outcome per unit is compared as a plain mean is: ratio, strata and adjustment change nothing', () => {
  const [a, b] = [measured(500, 800, 200), measured(400, 760, 210)]
  const { control, treatment } = pairOf('score', [{ sums: a }], [{ sums: b }])
  const plain = (s: typeof a) => ({ type: 'mean' as const, n: s.units, sum: s.sum, sumSquares: s.ss })
  const [ours, theirs] = [welchTest(control, treatment), welchTest(plain(a), plain(b))]
  expect(ours.expected).toBeCloseTo(theirs.expected, 12)
  expect(ours.pValue).toBeCloseTo(theirs.pValue, 10)
  expect(ours.stderr).toBeCloseTo(theirs.stderr, 12)
})

test('many outcomes of few units count as units: the interval is as wide as the units make it', () => {
  const source = random(1)
  const units = Array.from({ length: 200 }, () => {
    const rate = source.uniform() < 0.5 ? 0.9 : 0.3 // who asks fails or succeeds mostly
    return { outcomes: Array.from({ length: 50 }, () => Number(source.uniform() < rate)) }
  })
  const { units: n, mean, variance } = estimateOf(sumsOf(units))
  const naive = (mean * (1 - mean)) / (n * 50)
  expect(n).toBe(200)
  expect(variance / n).toBeGreaterThan(10 * naive)
})

test('the delta method gives the variance that units show when they are drawn again', () => {
  const source = random(2)
  const draw = () =>
    Array.from({ length: 300 }, () => ({
      outcomes: Array.from({ length: 1 + Math.floor(source.uniform() * 6) }, () => source.normal(10, 3)),
    }))
  const runs = Array.from({ length: 400 }, () => estimateOf(sumsOf(draw())))
  const mean = runs.reduce((sum, one) => sum + one.mean, 0) / runs.length
  const spread = runs.reduce((sum, one) => sum + (one.mean - mean) ** 2, 0) / (runs.length - 1)
  expect(spread / (runs[0]!.variance / 300)).toBeGreaterThan(0.75)
  expect(spread / (runs[0]!.variance / 300)).toBeLessThan(1.35)
})

test('an earlier mean makes the interval narrower and leaves the effect where it is', () => {
  const source = random(3)
  const arm = (effect: number) =>
    sumsOf(
      Array.from({ length: 1_000 }, () => {
        const own = source.normal(100, 20)
        return { earlier: own + source.normal(0, 5), outcomes: [own + effect + source.normal(0, 5), own + effect + source.normal(0, 5)] }
      }),
    )
  const [a, b] = [arm(0), arm(2)]
  const without = ({ ...sums }: typeof a) => ({ ...sums, earlier: { units: 0, x: 0, xx: 0, nx: 0, sx: 0, n: 0, sum: 0 } })
  const adjusted = pairOf('score', [{ sums: a }], [{ sums: b }])
  const plain = pairOf('score', [{ sums: without(a) }], [{ sums: without(b) }])
  const [sharp, blunt] = [adjusted, plain].map((pair) => welchTest(pair.control, pair.treatment, { differenceType: 'absolute' }))
  expect([adjusted.adjusted, plain.adjusted]).toEqual([true, false])
  expect(sharp!.stderr).toBeLessThan(blunt!.stderr / 2)
  expect(Math.abs(sharp!.expected - 2)).toBeLessThan(3 * sharp!.stderr)
})

test('an arm that gets more traffic on the better day does not look better for it', () => {
  const weights = [
    [9, 1],
    [1, 9],
  ]
  const one = anExperiment({
    phases: weights.map((w, i) => ({ n: i + 1, startedAt: `2026-01-0${i + 1}T00:00:00.000Z`, coverage: 1, weights: w, ranges: [] })),
  })
  const figures = figuresOf(
    { A: { success: successes(9_000, 4_500) }, B: { success: successes(1_000, 500) } },
    { A: { success: successes(1_000, 900) }, B: { success: successes(9_000, 8_100) } },
  )
  const [comparison] = analysed(one, figures).comparisons
  expect(comparison!.difference!.estimate).toBeCloseTo(0, 10)
  expect(comparison!.verdict).toBe('open')
})

test('phases that differ in coverage alone are one: a unit of the first is compared with one of the second', () => {
  const phases = [0.1, 1].map((coverage, i) => ({ n: i + 1, startedAt: '2026-01-01T00:00:00.000Z', coverage, weights: [1, 1], ranges: [] }))
  const split = figuresOf(
    { A: { success: successes(100, 50) }, B: { success: successes(100, 60) } },
    { A: { success: successes(300, 160) }, B: { success: successes(300, 180) } },
  )
  const whole = figuresOf({ A: { success: successes(400, 210) }, B: { success: successes(400, 240) } })
  expect(analysed(anExperiment({ phases }), split).comparisons).toEqual(analysed(anExperiment(), whole).comparisons)
})

test('where lower is better everything turns round: verdict, chance to win, loss, guardrails', () => {
  const figures = figuresOf({ A: { latencyMs: measured(3_000, 800, 200) }, B: { latencyMs: measured(3_000, 740, 200) } })
  const aim = (direction: 'higher' | 'lower') =>
    anExperiment({ metric: { primary: 'latencyMs', direction }, guardrails: [{ metric: 'latencyMs', direction, maxRegression: 0.02 }] })
  const [down, up] = [analysed(aim('lower'), figures), analysed(aim('higher'), figures)]
  expect([down.comparisons[0]!.verdict, up.comparisons[0]!.verdict]).toEqual(['better', 'worse'])
  expect(down.comparisons[0]!.chanceToWin).toBeCloseTo(1 - up.comparisons[0]!.chanceToWin, 12)
  expect(down.comparisons[0]!.expectedLoss.variant).toBeCloseTo(up.comparisons[0]!.expectedLoss.control, 12)
  expect([down.guardrails[0]!.state, up.guardrails[0]!.state]).toEqual(['holds', 'crossed'])
  const best = (direction: 'higher' | 'lower') => chancesToBeBest(aim(direction), figures)[1]!
  expect([best('lower') > 0.99, best('higher') < 0.01]).toEqual([true, true])
})

describe('arms that say nothing yet', () => {
  const nothing = { sums: [], bins: [], exposed: [] }
  test.each([
    ['no outcomes at all', nothing],
    ['one arm alone', figuresOf({ A: { success: successes(4, 2) } })],
    ['one unit each', figuresOf({ A: { success: successes(1, 1) }, B: { success: successes(1, 0) } })],
    ['no variance', figuresOf({ A: { success: measured(1, 1, 0) }, B: { success: measured(1, 1, 0) } })],
  ])('%s: an answer with a reason, and nothing is settled', (_, figures) => {
    const found = analysed(anExperiment(), figures)
    expect(found.comparisons).toMatchObject([
      { lift: null, difference: null, verdict: 'open', chanceToWin: 0.5, error: 'ZERO_NEGATIVE_VARIANCE' },
    ])
    expect(chancesToBeBest(anExperiment(), figures)).toEqual([null, null])
    expect(recommended(anExperiment(), figures)).toMatchObject({ action: 'continue', winner: null })
  })

  test('a control of 0 has a difference, and no lift', () => {
    const figures = figuresOf({ A: { score: measured(500, 0, 1) }, B: { score: measured(500, 0.5, 1) } })
    const [one] = analysed(anExperiment({ metric: { primary: 'score', direction: 'higher' } }), figures).comparisons
    expect(one).toMatchObject({ lift: null, verdict: 'better', error: null })
    expect(recommended(anExperiment({ metric: { primary: 'score', direction: 'higher' } }), figures).reason).toContain('0.5 higher')
  })
})

test('a variant without weight takes no part in the split, and needs no units', () => {
  const variants = ['A', 'B', 'C'].map((key, i) => ({ key, promptId: key, version: 1, label: null, weight: i === 2 ? 0 : 1 }))
  const one = anExperiment({ variants })
  const found = analysed(one, figuresOf({ A: { success: successes(2_000, 1_600) }, B: { success: successes(2_050, 1_820) } }))
  expect(found.sampleRatio.alarm).toBe(false)
  expect(found.comparisons.map(({ error }) => error)).toEqual([null, 'ZERO_NEGATIVE_VARIANCE'])
  const best = chancesToBeBest(one, figuresOf({ A: { success: successes(2_000, 1_600) }, B: { success: successes(2_050, 1_820) } }))
  expect([best[0]! + best[1]!, best[1]! > 0.99, best[2]]).toEqual([expect.closeTo(1, 9), true, null])
})

test('an arm in which everything went alike is not certain: its variance is that of one more half success', () => {
  const rail = { metric: 'success', direction: 'higher', maxRegression: 0.05 } as const
  const of = (a: number, b: number) =>
    analysed(anExperiment({ guardrails: [rail] }), figuresOf({ A: { success: successes(1_000, a) }, B: { success: successes(1_000, b) } }))
  const never = of(900, 0)
  expect([never.comparisons[0]!.verdict, never.comparisons[0]!.error, never.guardrails[0]!.state]).toEqual(['worse', null, 'crossed'])
  expect(never.comparisons[0]!.chanceToWin).toBeLessThan(1e-9)
  const always = of(900, 1_000)
  // p = 1000.5/1001, so that se² = 0.09 / 999 + p(1 − p)/1000; half-widths by the sequence's factor.
  const [p, half] = [1000.5 / 1001, always.comparisons[0]!.difference!.alwaysValid.upper - 0.1]
  const variance = (0.09 * 1_000) / 999
  const likeItself = of(900, 900).comparisons[0]!.difference!.alwaysValid.upper
  expect(half / likeItself).toBeCloseTo(Math.sqrt((variance + p * (1 - p)) / (2 * variance)), 9)
  expect([always.comparisons[0]!.verdict, always.guardrails[0]!.state]).toEqual(['better', 'holds'])
  const both = of(1_000, 1_000).comparisons[0]!
  expect([both.verdict, both.chanceToWin, both.difference!.estimate]).toEqual(['open', 0.5, 0])
  const nothing = of(0, 900)
  expect([nothing.comparisons[0]!.verdict, nothing.guardrails[0]!.state]).toEqual(['better', 'open'])
})

test('what costs something beside a control that costs nothing crosses its guardrail', () => {
  const one = anExperiment({ guardrails: [{ metric: 'costUsd', direction: 'lower', maxRegression: 0.1 }] })
  const state = (n: number, cost: number) =>
    analysed(one, figuresOf({ A: { costUsd: measured(n, 0, 0) }, B: { costUsd: measured(n, cost, 0.001) } })).guardrails[0]
  expect(state(500, 0.002)).toMatchObject({ state: 'crossed', regression: null })
  expect([state(500, 0)!.state, state(40, 0.002)!.state]).toEqual(['open', 'open'])
})

test('the split is looked at phase by phase, each against its own weights', () => {
  const phases = [
    { n: 1, weights: [1, 1] },
    { n: 2, weights: [9, 1] },
  ].map((phase) => ({ ...phase, startedAt: '2026-01-01T00:00:00.000Z', coverage: 1, ranges: [] }))
  const right = figuresOf(
    { A: { success: successes(500, 1) }, B: { success: successes(500, 1) } },
    { A: { success: successes(900, 1) }, B: { success: successes(100, 1) } },
  )
  const wrong = figuresOf(
    { A: { success: successes(500, 1) }, B: { success: successes(400, 1) } },
    { A: { success: successes(900, 1) }, B: { success: successes(100, 1) } },
  )
  expect(analysed(anExperiment({ phases }), right).sampleRatio).toMatchObject({ alarm: false, pValue: 1 })
  const found = analysed(anExperiment({ phases }), wrong).sampleRatio
  expect([found.phases[0]!.pValue < 0.001, found.phases[1]!.pValue]).toEqual([true, 1])
})

test('goals are corrected together by Holm; guardrails stand by themselves', () => {
  const one = anExperiment({
    secondary: [{ metric: 'score', direction: 'higher' }],
    guardrails: [{ metric: 'costUsd', direction: 'lower', maxRegression: 0.1 }],
  })
  const arm = (rate: number, score: number) => ({
    success: successes(1_000, rate * 1_000),
    score: measured(1_000, score, 1),
    costUsd: measured(1_000, 0.01, 0.002),
  })
  const { comparisons } = analysed(one, figuresOf({ A: arm(0.8, 3), B: arm(0.84, 3.09) }))
  const [first, second, rail] = comparisons
  const raw = [first!.lift!.pValue, second!.lift!.pValue]
  expect(Math.min(first!.adjustedPValue!, second!.adjustedPValue!)).toBeCloseTo(2 * Math.min(...raw), 12)
  expect(rail).toMatchObject({ role: 'guardrail', adjustedPValue: null })
})

test('a quantile is compared by its order statistics, as for so many values as there are units', () => {
  const bins = (shift: number) => Array.from({ length: 100 }, (_, i) => ({ value: i + 1 + shift, count: 100 }))
  const sums = measured(1_000, 50, 30)
  const own = quantileStatistic({ sums: { ...sums, n: 10_000 }, bins: bins(0) }, 0.95)
  expect(own).toMatchObject({ type: 'quantile', n: 1_000, nu: 0.95, hat: 95 })
  const one = anExperiment({ metric: { primary: 'latencyMs', direction: 'lower', quantile: 0.95 } })
  const base = figuresOf({ A: { latencyMs: sums }, B: { latencyMs: sums } })
  const figures = {
    ...base,
    bins: ['A', 'B'].map((variant, i) => ({ phase: 1, variant, metric: 'latencyMs' as const, bins: bins(i * -15) })),
  }
  const [comparison] = analysed(one, figures).comparisons
  expect(comparison).toMatchObject({ difference: { estimate: -15 }, verdict: 'better' })
  const power = powerOf(one, figures, tenDaysIn)
  // Between 1 and 100 evenly, p95 has the variance ν(1 − ν)/f² = 0.0475 × 100² of a unit.
  const least = minimumRelativeEffect(
    { mean: 95, variance: 475 },
    1_000,
    0.8,
    { alpha: 0.05, sides: 2, expectedSampleSize: 5_000 },
    'decrease',
  )!
  expect(power.baseline).toBe(95)
  expect(Math.abs(power.minimumDetectableEffect! / least - 1)).toBeLessThan(0.15)
})

test('the always-valid interval of a comparison is that of the engine, at the level of its family', () => {
  const variants = ['A', 'B', 'C'].map((key) => ({ key, promptId: key, version: 1, label: null, weight: 1 }))
  const [a, b, c] = [successes(900, 700), successes(900, 730), successes(900, 690)]
  const found = analysed(anExperiment({ variants }), figuresOf({ A: { success: a }, B: { success: b }, C: { success: c } }))
  const { control, treatment } = pairOf('score', [{ sums: a }], [{ sums: b }])
  const engine = sequentialTest(control, treatment, { alpha: 0.025, tuningParameter: 5000, differenceType: 'absolute' })
  expect(found.comparisons[0]!.difference!.alwaysValid).toEqual({ lower: engine.ciLower, upper: engine.ciUpper })
})

test('more units find more: power grows, and the least effect that is found shrinks', () => {
  const at = (n: number) =>
    powerOf(anExperiment(), figuresOf({ A: { success: successes(n, 0.8 * n) }, B: { success: successes(n, 0.8 * n) } }), tenDaysIn)
  const [few, many] = [at(500), at(5_000)]
  expect(many.minimumDetectableEffect!).toBeLessThan(few.minimumDetectableEffect!)
  for (const [i, { power }] of few.effects.entries()) expect(many.effects[i]!.power).toBeGreaterThanOrEqual(power)
  expect(many.unitsPerDay).toBe(1_000)
  expect(powerOf(anExperiment(), { sums: [], bins: [], exposed: [] }, tenDaysIn)).toMatchObject({
    baseline: null,
    effects: [],
    minimumDetectableEffect: null,
  })
})

test('whatever the figures are, an analysis answers with numbers that are finite', () => {
  const arm = fc.record({
    n: fc.integer({ min: 0, max: 5_000 }),
    mean: fc.double({ min: -100, max: 100, noNaN: true }),
    sd: fc.double({ min: 0, max: 50, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(arm, { minLength: 2, maxLength: 2 }), fc.array(arm, { minLength: 2, maxLength: 2 }), (first, second) => {
      const phase = (arms: typeof first) =>
        Object.fromEntries(
          arms.map(({ n, mean, sd }, i) => [
            'AB'[i]!,
            n > 0 ? { score: measured(n, mean, n > 1 ? sd : 0), success: successes(n, Math.min(n, Math.floor(sd * sd))) } : {},
          ]),
        )
      const phases = [
        [1, 1],
        [3, 1],
      ].map((weights, i) => ({ n: i + 1, startedAt: '2026-01-01T00:00:00.000Z', coverage: 1, weights, ranges: [] }))
      const secondary = [{ metric: 'success', direction: 'higher' }] as const
      const guardrails = (['score', 'success'] as const).map((metric) => ({ metric, direction: 'lower' as const, maxRegression: 0.1 }))
      const one = anExperiment({ phases, metric: { primary: 'score', direction: 'higher' }, secondary, guardrails })
      const text = JSON.stringify(analysed(one, figuresOf(phase(first), phase(second))), (_, value) =>
        typeof value === 'number' && !Number.isFinite(value) ? 'not finite' : value,
      )
      expect(text).not.toContain('not finite')
    }),
    {
      numRuns: 200,
      // Small enough that their squares are 0.
      examples: [
        [
          [
            { n: 2, mean: 0, sd: 7e-160 },
            { n: 2, mean: -0.014, sd: 0 },
          ],
          [
            { n: 2, mean: -5e-324, sd: 0 },
            { n: 3, mean: 0, sd: 7e-11 },
          ],
        ],
        [
          [
            { n: 2, mean: 0, sd: 0 },
            { n: 2, mean: -9e-15, sd: 9e-21 },
          ],
          [
            { n: 2, mean: -5e-324, sd: 3.6e-147 },
            { n: 3, mean: 0, sd: 0 },
          ],
        ],
      ],
    },
  )
})
