import { describe, expect, test } from 'vitest'
import { random } from '../../ab-testing/testing/random.ts'
import { expected, leaveOneOut, type Row, sigmoid, solve, train } from './logistic.ts'
import { posterior, priorOf, type Rate, uniformPrior } from './success-prior.ts'

describe('what is usual', () => {
  const family = (seed: number, groups: number, uses: number, a: number, b: number): (Rate & { truth: number })[] => {
    const source = random(seed)
    return Array.from({ length: groups }, () => {
      const truth = source.beta(a, b)
      return { truth, uses, successes: source.binomial(uses, truth) }
    })
  }
  test('has the mean of a family and, about, its strength', () => {
    const prior = priorOf(family(1, 400, 50, 16, 4))!
    expect(prior.alpha / (prior.alpha + prior.beta)).toBeCloseTo(0.8, 1)
    expect(prior.alpha + prior.beta).toBeGreaterThan(14)
    expect(prior.alpha + prior.beta).toBeLessThan(28)
  })
  test('is strong where rates differ by chance alone, and weak where they differ by much', () => {
    const alike = priorOf(Array.from({ length: 20 }, (_, n) => ({ uses: 100, successes: 79 + (n % 3) })))!
    const unlike = priorOf([0, 100, 0, 100, 5, 95].map((successes) => ({ uses: 100, successes })))!
    expect([alike.alpha + alike.beta, unlike.alpha + unlike.beta]).toEqual([1_000, 2])
  })
  test('is none for fewer than three, and bears rates of 0 and 1', () => {
    expect(priorOf([{ uses: 5, successes: 5 }])).toBeUndefined()
    const all = priorOf(Array(5).fill({ uses: 30, successes: 30 }))!
    const { rate, low, high } = posterior(all, { uses: 30, successes: 30 })
    expect([low < rate, rate < high, high <= 1]).toEqual([true, true, true])
  })
  test('a few uses are drawn to it, many are not, and the interval covers the truth in 92 of 100 cases at least', () => {
    const prior = { alpha: 16, beta: 4, groups: 9 }
    expect(posterior(prior, { uses: 20, successes: 0 }).rate).toBeCloseTo(0.4, 9)
    expect(posterior(prior, { uses: 20_000, successes: 0 }).rate).toBeLessThan(0.001)
    expect(posterior(uniformPrior, { uses: 0, successes: 0 })).toEqual({
      rate: 0.5,
      low: expect.closeTo(0.025, 6),
      high: expect.closeTo(0.975, 6),
    })
    const all = family(2, 500, 30, 16, 4)
    const own = priorOf(all)!
    const covered = all.filter((one) => posterior(own, one).low <= one.truth && one.truth <= posterior(own, one).high)
    expect(covered.length / all.length).toBeGreaterThan(0.92)
  })
})

describe('the logistic model', () => {
  /** Success depends on the first feature alone. */
  const rows = (seed: number, slope: number, count = 60): Row[] => {
    const source = random(seed)
    return Array.from({ length: count }, (_, i) => {
      const features = [source.normal(0, 1), source.normal(5, 2), Number(source.uniform() < 0.5)]
      const uses = 50
      return { group: `p${i}`, features, uses, successes: source.binomial(uses, sigmoid(0.5 + slope * features[0]!)) }
    })
  }
  test('solves what it is made of', () => {
    const [x, y] = solve(
      [
        [4, 2],
        [2, 3],
      ],
      [10, 8],
    )
    expect([x, y]).toEqual([expect.closeTo(1.75, 9), expect.closeTo(1.5, 9)])
  })
  test('finds what matters, and gives the same weights for the same rows', () => {
    const model = train(rows(3, 1.5))
    expect(train(rows(3, 1.5))).toEqual(model)
    const [, first, ...others] = model.weights
    expect(first).toBeGreaterThan(1)
    for (const other of others) expect(Math.abs(other)).toBeLessThan(0.3)
    expect(expected(model, [2, 5, 0])).toBeGreaterThan(0.9)
    expect(expected(model, [-2, 5, 0])).toBeLessThan(0.2)
  })
  test('stays finite where features separate all, or are all alike', () => {
    const separated = Array.from(
      { length: 12 },
      (_, i): Row => ({ group: `${i}`, features: [i, 1], uses: 100, successes: i < 6 ? 0 : 100 }),
    )
    for (const weight of train(separated).weights) expect(Number.isFinite(weight)).toBe(true)
    expect(expected(train(separated), [11, 1])).toBeGreaterThan(0.9)
  })
  test('left-out prompts tell how good it is: better than the mean where features matter, not better where they do not', () => {
    const good = leaveOneOut(rows(4, 1.5))
    expect(good.brier).toBeLessThan(good.baseBrier * 0.85)
    for (const { predicted, observed } of good.bins.filter(({ uses }) => uses > 300))
      expect(Math.abs(predicted - observed)).toBeLessThan(0.1)
    const none = leaveOneOut(rows(5, 0))
    expect(none.brier).toBeGreaterThan(none.baseBrier * 0.98)
    expect(none.bins.reduce((sum, { uses }) => sum + uses, 0)).toBe(60 * 50)
  })
})
