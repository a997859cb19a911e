import { expect, test } from 'vitest'
import { anExperiment, figuresOf, successes, tenDaysIn } from '../testing/figures.ts'
import { random } from '../testing/random.ts'
import { endingOf, newWeights } from './decisions.ts'
import type { Experiment, Phase } from './experiment.ts'
import { analysed, armsOf } from './results.ts'

/** `npm run test:faults` runs a thousand or more of each, `npm test` a few: enough to see that they still run. */
const rounds = Number(process.env.FAULT_ROUNDS ?? 0) * 50 || 10
const full = rounds >= 1000

type Way = Readonly<{ looks: number; step: number }>

/** A test as it grows, looked at again and again by the rule that ends tests. @returns units per arm and winner at its end; null: it did not end */
function run(
  one: Experiment,
  seed: number,
  rates: readonly number[],
  { looks, step }: Way,
): { units: number; winner: string | null } | null {
  const source = random(seed)
  const sums = rates.map(() => 0)
  for (let look = 1; look <= looks; look++) {
    for (const [i, p] of rates.entries()) sums[i]! += source.binomial(step, p)
    const arms = Object.fromEntries(one.variants.map(({ key }, i) => [key, { success: successes(look * step, sums[i]!) }]))
    const figures = figuresOf(arms)
    const ending = endingOf(one, analysed(one, figures), armsOf(one, figures), tenDaysIn)
    if (ending) return { units: look * step, winner: ending.winner }
  }
  return null
}

/** Four standard deviations of a share that is really 5 %: what few runs can tell. */
const allowed = full ? 0.05 : 0.05 + 4 * Math.sqrt((0.05 * 0.95) / rounds)
const arms = (n: number) => Array.from({ length: n }, (_, i) => ({ key: 'ABCD'[i]!, promptId: 'p', version: 1, label: null, weight: 1 }))

test.each([
  ['fixed', 2, 0.5],
  ['fixed', 2, 0.8],
  ['fixed', 2, 0.95],
  ['fixed', 4, 0.8],
  ['track_and_stop', 2, 0.8],
] as const)(`of ${rounds} tests without a difference at most one in twenty finds a winner (%s, %d arms, rate %d)`, (allocation, n, p) => {
  const one = anExperiment({ allocation, variants: arms(n), autoStop: 'promote' })
  let promoted = 0
  for (let seed = 0; seed < rounds; seed++) {
    const ended = run(
      one,
      7_000 * n + seed,
      Array.from({ length: n }, () => p),
      { looks: 100, step: 50 },
    )
    if (ended) promoted++ // a control that is declared to be better is a false finding, too
  }
  if (full) console.log(allocation, n, p, promoted / rounds)
  expect(promoted / rounds).toBeLessThanOrEqual(allowed)
})

/** The same of a bandit: each look opens a phase with the weights that it wants, and so decides what is seen next. */
function adapt(design: Experiment, seed: number, rates: readonly number[], { looks, step }: Way): string | null | undefined {
  const source = random(seed)
  const phases: Phase[] = [design.phases[0]!]
  const seen: Record<string, { success: ReturnType<typeof successes> }>[] = []
  for (let look = 1; look <= looks; look++) {
    const { weights } = phases.at(-1)!
    const total = weights.reduce((sum, w) => sum + w, 0)
    const units = weights.map((w) => Math.round((w / total) * step))
    seen.push(
      Object.fromEntries(
        design.variants.map(({ key }, i) => [key, { success: successes(units[i]!, source.binomial(units[i]!, rates[i]!)) }]),
      ),
    )
    const one = { ...design, phases: phases.slice(0, look) }
    const figures = figuresOf(...seen)
    const [found, estimates] = [analysed(one, figures), armsOf(one, figures)]
    const now = new Date(Date.parse(phases.at(-1)!.startedAt) + 7 * 3_600_000).toISOString()
    const ending = endingOf(one, found, estimates, now)
    if (ending) return ending.winner
    phases.push({ ...phases.at(-1)!, n: look + 1, startedAt: now, weights: newWeights(one, found, estimates, now) ?? weights })
  }
  return undefined
}

test.each(['thompson', 'track_and_stop'] as const)(
  `of ${rounds} bandits without a difference whose weights move at most one in twenty finds a winner (%s)`,
  (allocation) => {
    const one = anExperiment({ allocation, autoStop: 'end', minimumDays: 0 })
    const ends = Array.from({ length: rounds }, (_, seed) => adapt(one, 90_000 + seed, [0.8, 0.8], { looks: 20, step: 500 }))
    const found = ends.filter((winner) => winner !== undefined).length / rounds
    if (full) console.log('adaptive', allocation, found)
    expect(found).toBeLessThanOrEqual(allowed)
    const better = Array.from({ length: rounds }, (_, seed) => adapt(one, seed, [0.8, 0.88], { looks: 20, step: 500 }))
    expect(better.filter((winner) => winner === 'B').length / rounds).toBeGreaterThan(0.9)
  },
)

test(`80 against 86 per cent ends with the right winner by 4,000 in each arm in 19 of 20 of ${rounds} tests, and in half of them by 900`, () => {
  const one = anExperiment({ statistics: { alpha: 0.05, sequential: true, expectedSampleSize: 2_000 } })
  const ended = Array.from({ length: rounds }, (_, seed) => run(one, seed, [0.8, 0.86], { looks: 100, step: 40 }))
  const right = ended.filter((end) => end?.winner === 'B')
  const stops = ended.map((end) => end?.units ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
  if (full) console.log(`found ${right.length} of ${rounds}, median stop ${stops[rounds >> 1]}`)
  expect(right.length / rounds).toBeGreaterThanOrEqual(full ? 0.95 : 0.85)
  expect(stops[rounds >> 1]).toBeLessThanOrEqual(full ? 900 : 1_300)
})
