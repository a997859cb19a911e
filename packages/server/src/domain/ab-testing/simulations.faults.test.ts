import { expect, test } from 'vitest'
import { gaussianRanks, thompsonWeights } from './model/best-arm.ts'
import { sequentialTest, type TestResult, welchTest } from './model/frequentist.ts'
import { posteriorOfEffect } from './model/posterior.ts'
import type { Statistic } from './model/statistics.ts'
import { stopping } from './model/track-and-stop.ts'
import { random } from './testing/random.ts'

/** `npm run test:faults` runs a thousand or more of each, `npm test` a few: enough to see that they still run. */
const rounds = Number(process.env.FAULT_ROUNDS ?? 3) * 50
const full = rounds >= 1000

type Arms = readonly [control: Statistic & { n: number; sum: number }, treatment: Statistic & { n: number; sum: number }]
/** Two arms of successes and failures as they grow, `looks` times by `step` units each. */
function* experiment(seed: number, p: readonly [number, number], { looks, step }: { looks: number; step: number }): Generator<Arms> {
  const source = random(seed)
  const sums = [0, 0]
  for (let look = 1; look <= looks; look++) {
    for (const i of [0, 1] as const) sums[i]! += source.binomial(step, p[i])
    const arm = (sum: number) => ({ type: 'proportion' as const, n: look * step, sum })
    yield [arm(sums[0]!), arm(sums[1]!)]
  }
}
/** The part of the runs in which a rule that is asked at each look ever says yes. */
function everYes(rule: (arms: Arms) => boolean, p: number): number {
  let found = 0
  for (let run = 0; run < rounds; run++)
    for (const arms of experiment(1000 * run + p * 100, [p, p], { looks: 100, step: 50 }))
      if (rule(arms)) {
        found++
        break
      }
  return found / rounds
}

const excludesZero = ({ ciLower, ciUpper, error }: TestResult) => error === null && (ciLower > 0 || ciUpper < 0)
const bySequence = ([control, treatment]: Arms) =>
  excludesZero(sequentialTest(control, treatment, { differenceType: 'absolute', tuningParameter: 5000 }))
const byLikelihoodRatio = (arms: Arms) => {
  const pulled = arms.map(({ n, sum }) => ({ pulls: n, mean: sum / n, variance: (sum / n) * (1 - sum / n) }))
  const [other, leader] = pulled.sort((a, b) => a.mean - b.mean)
  return stopping(leader!, [other!], { epsilon: 0, optimize: 'max' }, 0.05).stop
}

/** Four standard deviations of a share that is really 5 %: what few runs can tell. */
const allowed = full ? 0.05 : 0.05 + 4 * Math.sqrt((0.05 * 0.95) / rounds)

test.each([0.5, 0.8, 0.95])(
  `of ${rounds} tests without a difference, each looked at a hundred times, at most one in twenty is decided (rate %d)`,
  (p) => {
    const decided = { bySequence: everYes(bySequence, p), byLikelihoodRatio: everYes(byLikelihoodRatio, p) }
    if (full) console.log(p, decided)
    expect(Math.max(...Object.values(decided))).toBeLessThanOrEqual(allowed)
  },
)

test('what must never decide by itself would: a p-value or a chance to win that is looked at again and again', () => {
  const pValue = everYes(([control, treatment]) => welchTest(control, treatment, { differenceType: 'absolute' }).pValue < 0.05, 0.8)
  const chance = everYes(([control, treatment]) => {
    const { chanceToWin } = posteriorOfEffect(control, treatment, { differenceType: 'absolute' })
    return Math.max(chanceToWin, 1 - chanceToWin) > 0.95
  }, 0.8)
  if (full) console.log({ pValue, chance })
  expect([pValue > 0.2, chance > 0.4]).toEqual([true, true])
})

test(`80 against 86 per cent is found, by 4,000 in each arm, in 19 of 20 of ${rounds} tests, and in half of them by 900`, () => {
  const stops: number[] = []
  for (let run = 0; run < rounds; run++) {
    let stop = Number.POSITIVE_INFINITY
    for (const [control, treatment] of experiment(run, [0.8, 0.86], { looks: 100, step: 40 })) {
      const result = sequentialTest(control, treatment, { differenceType: 'absolute', tuningParameter: 2000 })
      if (result.error !== null || result.ciLower <= 0) continue
      stop = control.n
      break
    }
    stops.push(stop)
  }
  stops.sort((a, b) => a - b)
  expect(stops.filter((n) => n <= 4000).length / rounds).toBeGreaterThanOrEqual(0.95)
  expect(stops[Math.floor(rounds / 2)]).toBeLessThanOrEqual(900)
  if (full) console.log(`median stop ${stops[Math.floor(rounds / 2)]}, found ${stops.filter((n) => n <= 4000).length} of ${rounds}`)
})

test('a latency that is really lower is found by the same sequence, from the other side', () => {
  const source = random(42)
  const sums = [0, 0].map(() => ({ n: 0, sum: 0, sumSquares: 0 }))
  let last: TestResult | undefined
  for (let look = 0; look < 50 && (last?.ciUpper ?? 1) >= 0; look++) {
    for (const [i, mean] of [800, 760].entries())
      for (let k = 0; k < 100; k++) {
        const x = source.normal(mean, 200)
        const arm = sums[i]!
        ;[arm.n, arm.sum, arm.sumSquares] = [arm.n + 1, arm.sum + x, arm.sumSquares + x * x]
      }
    last = sequentialTest({ type: 'mean', ...sums[0]! }, { type: 'mean', ...sums[1]! }, { tuningParameter: 4000 })
  }
  expect([last!.ciUpper < 0, sums[0]!.n < 5000]).toEqual([true, true])
})

test('a bandit on a metric where lower is better gives the best arm the traffic, and keeps the others alive', () => {
  const source = random(9)
  const truth = [900, 700, 800]
  const arms = truth.map(() => ({ n: 0, sum: 0, sumSquares: 0 }))
  let weights = truth.map(() => 1 / 3)
  for (let round = 0; round < 60; round++) {
    for (const [i, arm] of arms.entries())
      for (let k = 0; k < Math.round(weights[i]! * 150); k++) {
        const x = source.normal(truth[i]!, 150)
        ;[arm.n, arm.sum, arm.sumSquares] = [arm.n + 1, arm.sum + x, arm.sumSquares + x * x]
      }
    if (arms.some(({ n }) => n < 100)) continue
    const posterior = arms.map(({ n, sum, sumSquares }) => ({ mean: sum / n, stddev: Math.sqrt((sumSquares / n - (sum / n) ** 2) / n) }))
    weights = thompsonWeights(gaussianRanks(posterior, 'min'), 0.02)
  }
  expect(weights[1]).toBeGreaterThan(0.9)
  expect(Math.min(...weights)).toBeGreaterThanOrEqual(0.02)
})
