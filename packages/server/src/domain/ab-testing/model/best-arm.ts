import { normalCdf, normalPdf } from './distributions.ts'
import { type Distribution, type Ranks, ranks } from './quadrature.ts'

export type Optimize = 'max' | 'min'
export type NormalArm = Readonly<{ mean: number; stddev: number }>

const reach = [-9, -7, -5.5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5.5, 7, 9]

/**
 * P(best) and P(second best) of arms whose means have normal posteriors, exact to about 1e-12.
 * @param arms stddev ≥ 0: of arms without any spread the highest mean is best, equal ones share
 * @param optimize 'min' where lower is better
 */
export function gaussianRanks(arms: readonly NormalArm[], optimize: Optimize = 'max'): Ranks {
  const sign = optimize === 'max' ? 1 : -1
  const scale = Math.max(...arms.map(({ mean, stddev }) => Math.max(Math.abs(mean), stddev)))
  const narrowest = (scale || 1) * 1e-9 // no spread at all: close enough, and nothing divides by zero
  return ranks(arms.map(({ mean, stddev }) => normal(sign * mean, Math.max(stddev, narrowest))))
}

const normal = (mean: number, stddev: number): Distribution => ({
  density: (x) => normalPdf((x - mean) / stddev) / stddev,
  cdf: (x) => normalCdf((x - mean) / stddev),
  breaks: reach.map((step) => mean + step * stddev),
})

/**
 * Thompson sampling: an arm's share of traffic is P(it is best), each with at least `floor`: f + (1 − K f) p.
 * @param floor in [0, 1/K]
 */
export const thompsonWeights = ({ best }: Ranks, floor = 0): number[] => best.map((p) => floor + (1 - best.length * floor) * p)

/**
 * Top-two: half of the traffic to the best arm, half to its closest challenger, (P(best) + P(second))/2, which learns faster
 * which one is best. Of two arms both would always get half: there it is Thompson. Russo: Simple Bayesian algorithms for
 * best-arm identification (2020).
 */
export const topTwoWeights = ({ best, second }: Ranks, floor = 0): number[] =>
  thompsonWeights({ best: best.length < 3 ? best : best.map((p, i) => (p + second[i]!) / 2), second }, floor)

/** Units that every arm must have before its weight follows its results. */
const fewest = 100

/** Whether there are enough units in every arm to change weights. */
export const mayReweigh = (units: readonly number[]): boolean => units.every((n) => n >= fewest)
