import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../testing/random.ts'
import { effectBetween } from './effect.ts'
import { sequentialTest, welchTest } from './frequentist.ts'
import { varianceOf } from './moments.ts'
import { adjustedInterval, benjaminiHochberg, holm } from './multiplicity.ts'
import { posteriorOfEffect } from './posterior.ts'
import { sampleRatio } from './sample-ratio.ts'
import { oneSidedPValue, sequentialFactor } from './sequential.ts'
import type { Cuped, Ratio, Simple, Statistic } from './statistics.ts'

const rate = (n: number, sum: number): Statistic => ({ type: 'proportion', n, sum })
const mean = (n: number, m: number, variance: number): Statistic => ({
  type: 'mean',
  n,
  sum: n * m,
  sumSquares: variance * (n - 1) + n * m ** 2,
})
const summed = (values: readonly number[]): Simple => ({
  type: 'mean',
  n: values.length,
  sum: values.reduce((sum, x) => sum + x, 0),
  sumSquares: values.reduce((sum, x) => sum + x * x, 0),
})
const products = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0)

const arm = fc.record({
  n: fc.integer({ min: 10, max: 100_000 }),
  m: fc.double({ min: 1, max: 1000, noNaN: true }),
  v: fc.double({ min: 0.1, max: 1e5, noNaN: true }),
})

describe('two arms', () => {
  test('of a metric where lower is better win as often as their mirror image does where higher is better', () => {
    fc.assert(
      fc.property(arm, arm, (a, b) => {
        const [control, treatment] = [mean(a.n, a.m, a.v), mean(b.n, b.m, b.v)]
        const up = posteriorOfEffect(control, treatment, { inverse: false })
        const down = posteriorOfEffect(control, treatment, { inverse: true })
        expect(up.chanceToWin + down.chanceToWin).toBeCloseTo(1, 12)
        expect([down.riskControl, down.riskTreatment, down.expected]).toEqual([up.riskTreatment, up.riskControl, up.expected])
        expect(up.riskControl - up.riskTreatment).toBeCloseTo(up.expected, 9)
      }),
      { numRuns: 100 },
    )
  })

  test('the two sides of a one-sided test add up, and the two-sided p is twice the smaller', () => {
    fc.assert(
      fc.property(arm, arm, (a, b) => {
        const [control, treatment] = [mean(a.n, a.m, a.v), mean(b.n, b.m, b.v)]
        const greater = welchTest(control, treatment, { sides: 1, alternative: 'treatment-greater' })
        const lesser = welchTest(control, treatment, { sides: 1, alternative: 'treatment-lesser' })
        expect(greater.pValue + lesser.pValue).toBeCloseTo(1, 9)
        expect(welchTest(control, treatment).pValue).toBeCloseTo(2 * Math.min(greater.pValue, lesser.pValue), 9)
      }),
      { numRuns: 100 },
    )
  })

  test('the always-valid interval is wider than that of one look, and excludes 0 exactly when its p is below the level', () => {
    fc.assert(
      fc.property(arm, arm, fc.constantFrom(100, 5000, 1e6), (a, b, tuningParameter) => {
        const [control, treatment] = [mean(a.n, a.m, a.v), mean(b.n, b.m, b.v)]
        const [once, always] = [welchTest(control, treatment), sequentialTest(control, treatment, { tuningParameter })]
        expect(sequentialFactor(a.n + b.n, { alpha: 0.05, expectedSampleSize: tuningParameter })).toBeGreaterThan(1.96)
        if (a.n > 200 && b.n > 200) expect(always.ciLower).toBeLessThan(once.ciLower)
        if (Math.abs(always.pValue - 0.05) > 1e-9) expect(always.ciLower > 0 || always.ciUpper < 0).toBe(always.pValue < 0.05)
      }),
      { numRuns: 200 },
    )
  })

  test('the one-sided always-valid p is the level at which its bound touches 0, and gets smaller with z', () => {
    const tuning = { alpha: 0.05, expectedSampleSize: 5000 }
    const control = rate(3000, 1500)
    for (const successes of [1590, 1650, 1700]) {
      const { pValue, ciLower } = sequentialTest(control, rate(3000, successes), { sides: 1, differenceType: 'absolute' })
      expect(ciLower > 0).toBe(pValue < 0.05)
    }
    expect([0, -3].map((z) => oneSidedPValue(z, 5000, tuning))).toEqual([0.4999, 0.4999])
    expect(oneSidedPValue(20, 5000, tuning)).toBe(1e-5)
    expect(oneSidedPValue(3, 5000, tuning)).toBeGreaterThan(oneSidedPValue(3.1, 5000, tuning))
  })

  test('a one-sided sequence at a level of a half or more says so', () => {
    expect(sequentialTest(rate(50, 20), rate(50, 30), { sides: 1, alpha: 0.5 })).toMatchObject({
      pValue: 1,
      error: null,
      pValueError: 'ALPHA_GREATER_THAN_0.5_FOR_SEQUENTIAL_ONE_SIDED_TEST',
    })
  })

  test('a null hypothesis of its own moves the p, not the interval', () => {
    const [control, treatment] = [rate(500, 400), rate(500, 430)]
    const [zero, moved] = [welchTest(control, treatment), welchTest(control, treatment, { testValue: 0.075 })]
    expect([moved.ciLower, moved.pValue]).toEqual([zero.ciLower, expect.closeTo(1, 9)])
    expect(sequentialTest(control, treatment, { testValue: 0.075 }).pValue).toBe(1)
  })

  test('a negative baseline does not turn a gain into a loss', () => {
    const { effect } = effectBetween(mean(500, -10, 4), mean(500, -9, 4), 'relative')
    expect(effect!.estimate).toBeCloseTo(0.1, 12)
  })

  test('a prior of the relative effect means the same in both units, and one that is not proper nothing', () => {
    const [control, treatment] = [rate(500, 400), rate(500, 430)]
    const prior = { mean: 0, variance: 0.01 }
    const absolute = posteriorOfEffect(control, treatment, { prior, differenceType: 'absolute' })
    const given = posteriorOfEffect(control, treatment, {
      prior: { mean: 0, variance: 0.0064, scale: 'absolute' },
      differenceType: 'absolute',
    })
    expect(given.expected).toBeCloseTo(absolute.expected, 12)
    const flat = posteriorOfEffect(control, treatment)
    expect(posteriorOfEffect(control, treatment, { prior: { ...prior, proper: false } })).toEqual(flat)
    const shrunk = posteriorOfEffect(control, treatment, { prior: { mean: 0, variance: 0.0064, scale: 'absolute' } })
    expect(shrunk.expected).toBeCloseTo(posteriorOfEffect(control, treatment, { prior }).expected, 12)
    const nothing = { type: 'mean', n: 10, sum: 0, sumSquares: 10 } as const
    expect(posteriorOfEffect(nothing, treatment, { prior, differenceType: 'absolute' }).error).toBe('BASELINE_VARIATION_ZERO')
  })
})

describe('what is measured per unit', () => {
  test('requests of one user go together: their ratio has the wide variance of users, not the narrow one of requests', () => {
    const source = random(3)
    const users = Array.from({ length: 2000 }, () => {
      const [requests, happy] = [1 + Math.floor(source.uniform() * 20), source.uniform()]
      return { requests, successes: source.binomial(requests, happy) }
    })
    const [made, done] = [users.map(({ requests }) => requests), users.map(({ successes }) => successes)]
    const ratio: Ratio = {
      type: 'ratio',
      n: users.length,
      numerator: summed(done),
      denominator: summed(made),
      sumOfProducts: products(done, made),
    }
    const [requests, p] = [ratio.denominator.sum, ratio.numerator.sum / ratio.denominator.sum]
    expect(Math.sqrt(varianceOf(ratio) / users.length)).toBeGreaterThan(2 * Math.sqrt((p * (1 - p)) / requests))
  })

  test('CUPED takes out what was known before, and moves no mean that was not different before', () => {
    const source = random(5)
    const armOf = (effect: number): Cuped => {
      const pre = Array.from({ length: 3000 }, () => source.normal(100, 20))
      const post = pre.map((x) => x + effect + source.normal(0, 8))
      return { type: 'cuped', n: 3000, post: summed(post), pre: summed(pre), postPreSumOfProducts: products(post, pre) }
    }
    const [control, treatment] = [armOf(0), armOf(2)]
    const [plain, adjusted] = [effectBetween(control.post, treatment.post, 'absolute'), effectBetween(control, treatment, 'absolute')]
    expect(adjusted.effect!.se).toBeLessThan(plain.effect!.se / 2)
    expect(Math.abs(adjusted.effect!.estimate - 2)).toBeLessThan(4 * adjusted.effect!.se)
    const relative = effectBetween(control, treatment, 'relative').effect!
    expect(relative.se).toBeLessThan(effectBetween(control.post, treatment.post, 'relative').effect!.se / 2)
  })

  test('without variance before the test there is nothing to adjust by', () => {
    const flat: Cuped = {
      type: 'cuped',
      n: 500,
      post: { type: 'proportion', n: 500, sum: 400 },
      pre: { type: 'proportion', n: 500, sum: 0 },
      postPreSumOfProducts: 0,
    }
    const other: Cuped = { ...flat, post: { type: 'proportion', n: 500, sum: 430 } }
    const [adjusted, plain] = [welchTest(flat, other), welchTest(flat.post, other.post)]
    expect(adjusted).toEqual({
      ...plain,
      stderr: expect.closeTo(plain.stderr, 14),
      ciLower: expect.closeTo(plain.ciLower, 14),
      ciUpper: expect.closeTo(plain.ciUpper, 14),
      pValue: expect.closeTo(plain.pValue, 14),
    })
  })

  test.each([
    [0.95, 72, false],
    [0.95, 73, true],
    [0.05, 72, false],
    [0.5, 4, true],
    [0.5, 3, false],
  ])('the quantile %d of %d units: told is %s', (nu, n, told) => {
    const p95 = (hat: number): Statistic => ({ type: 'quantile', n, nu, hat, lower: hat - 50, upper: hat + 50 })
    expect(posteriorOfEffect(p95(800), p95(700), { inverse: true }).error).toBe(told ? null : 'ZERO_NEGATIVE_VARIANCE')
  })

  test('a quantile whose interval has no width is taken for one only with many units', () => {
    const same = (n: number): Statistic => ({ type: 'quantile', n, nu: 0.5, hat: 10, lower: 10, upper: 10 })
    expect(posteriorOfEffect(same(999), same(999)).error).toBe('ZERO_NEGATIVE_VARIANCE')
    expect(posteriorOfEffect(same(1000), same(1000))).toMatchObject({ error: null, chanceToWin: 0.5 })
  })
})

describe('the sample ratio', () => {
  test('leaves out arms without weight: from the counts, the total and the degrees of freedom', () => {
    expect(sampleRatio([{ users: [500, 77, 520], weights: [0.5, 0, 0.5] }])).toEqual(
      sampleRatio([{ users: [500, 520], weights: [0.5, 0.5] }]),
    )
  })

  test('is right where nothing can be said', () => {
    for (const users of [
      [0, 0],
      [7, 0],
    ])
      expect(sampleRatio([{ users, weights: [1, 0] }])).toEqual({ pValue: 1, alarm: false })
    expect(sampleRatio([])).toEqual({ pValue: 1, alarm: false })
  })

  test('does not alarm before every expected count is 5, and tells p-values that have no digits left as 1 − cdf', () => {
    expect(sampleRatio([{ users: [0, 9], weights: [1, 1] }]).alarm).toBe(false)
    const { pValue, alarm } = sampleRatio([{ users: [40_000, 50_000], weights: [1, 1] }])
    expect([pValue > 0, pValue < 1e-200, alarm]).toEqual([true, true, true])
  })
})

describe('many tests at once', () => {
  const pValues = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 })
  test('Holm and Benjamini–Hochberg keep the order, raise no p above 1, lower none, and Holm is the stricter', () => {
    fc.assert(
      fc.property(pValues, (given) => {
        const [strict, mild] = [holm(given), benjaminiHochberg(given)]
        for (const [i, p] of given.entries()) {
          expect(strict[i]!).toBeGreaterThanOrEqual(mild[i]! - 1e-15)
          expect(mild[i]!).toBeGreaterThanOrEqual(p * (1 - 1e-15))
          expect(strict[i]!).toBeLessThanOrEqual(1)
          for (const [j, q] of given.entries()) if (p < q) expect(strict[i]!).toBeLessThanOrEqual(strict[j]!)
        }
      }),
    )
    expect([holm([]), benjaminiHochberg([]), holm([0.04])]).toEqual([[], [], [0.04]])
  })

  test('an adjusted interval touches 0 when the adjusted p is the level, and is open when p is 1', () => {
    expect(adjustedInterval(0.05, -0.2, 0.05)).toEqual({ ciLower: expect.closeTo(-0.4, 9), ciUpper: expect.closeTo(0, 9) })
    expect(adjustedInterval(1, 0.1, 0.05)).toEqual({ ciLower: Number.NEGATIVE_INFINITY, ciUpper: Number.POSITIVE_INFINITY })
    expect(adjustedInterval(0, 0.1, 0.05)).toEqual({ ciLower: 0.1, ciUpper: 0.1 })
  })
})
