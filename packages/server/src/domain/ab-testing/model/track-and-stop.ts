import type { Optimize } from './best-arm.ts'
import { minimum } from './minimum.ts'

/**
 * Track-and-stop: traffic goes where it settles soonest which arm is best, and the test ends when that is settled.
 * Garivier, Kaufmann: Optimal best arm identification with fixed confidence (2016), for normal means with known variances.
 */
export type Arm = Readonly<{ pulls: number; mean: number; variance: number }>

export type Allocation = Readonly<{
  /** Differences up to this do not matter: gap_i = m_L − m_i + ε, ε ≥ 0. */
  epsilon: number
  /** Every arm's least share, in [0, 1/K]. */
  minProb: number
  /** Strength of the pull towards equal shares, ≥ 0; fades with the square root of all pulls. */
  reg0: number
  optimize: Optimize
}>

/** Below this a variance or a squared gap is taken for it, so that nothing divides by zero. */
const [leastVariance, leastSquaredGap] = [1e-12, 1e-6]

/** The arm with the best mean; of equal ones the last. */
export function leaderOf(arms: readonly Arm[], optimize: Optimize): number {
  const sign = optimize === 'max' ? 1 : -1
  return arms.reduce((best, { mean }, i) => (sign * (mean - arms[best]!.mean) >= 0 ? i : best), 0)
}

type Problem = Readonly<{
  /** Per challenger: variance, squared gap. */
  challengers: readonly Readonly<{ variance: number; gap2: number }>[]
  leaderVariance: number
  regularisation: number
  minProb: number
  equal: number
}>

/**
 * Shares w ≥ minProb, Σ w = 1, that minimise max_{i≠L} 2(v_i/w_i + v_L/w_L)/gap_i² + (reg₀/√n) ‖w − 1/K‖².
 * Convex; solved over the leader's share and the value t of the maximum, which both have one minimum: for given ones
 * every challenger has a least share, and the rest is as equal as that allows.
 */
export function allocation(arms: readonly Arm[], options: Allocation): number[] {
  const { epsilon, minProb, reg0, optimize } = options
  const leader = leaderOf(arms, optimize)
  const gaps = arms.map(({ mean }) => Math.abs(arms[leader]!.mean - mean) + epsilon)
  const variances = arms.map(({ variance }) => Math.max(variance, leastVariance))
  const equal = 1 / arms.length
  if (gaps.every((gap) => gap < 1e-10) && Math.max(...variances) - Math.min(...variances) < 1e-10) return arms.map(() => equal)
  const pulls = arms.reduce((sum, arm) => sum + arm.pulls, 0)
  const others = arms.map((_, i) => i).filter((i) => i !== leader)
  const problem: Problem = {
    challengers: others.map((i) => ({ variance: variances[i]!, gap2: Math.max(gaps[i]! ** 2, leastSquaredGap) })),
    leaderVariance: variances[leader]!,
    regularisation: reg0 / Math.sqrt(Math.max(1, pulls)),
    minProb,
    equal,
  }
  const share = minimum((w) => bestGiven(problem, w).value, minProb, 1 - others.length * minProb)
  const weights = arms.map(() => share)
  for (const [k, weight] of bestGiven(problem, share).weights.entries()) weights[others[k]!] = weight
  return summedToOne(weights)
}

/** What the search left over goes to the largest share. */
function summedToOne(weights: readonly number[]): number[] {
  const [largest, sum] = [weights.indexOf(Math.max(...weights)), weights.reduce((total, w) => total + w, 0)]
  return weights.map((w, i) => (i === largest ? w + 1 - sum : w))
}

/** The best that can be had when the leader gets that share, and the challengers' shares then. */
function bestGiven(problem: Problem, leaderShare: number): { value: number; weights: number[] } {
  const { challengers, leaderVariance, regularisation, equal } = problem
  const rest = 1 - leaderShare
  const least = (t: number) =>
    challengers.map(({ variance, gap2 }) => {
      const left = (t * gap2) / 2 - leaderVariance / leaderShare
      return left <= 0 ? Number.POSITIVE_INFINITY : Math.max(problem.minProb, variance / left)
    })
  const at = (t: number) => {
    const weights = within(fill(least(t), rest), rest, problem.minProb)
    const distance = weights.reduce((sum, w) => sum + (w - equal) ** 2, (leaderShare - equal) ** 2)
    return { value: t + regularisation * distance, weights }
  }
  const free = rest / challengers.length
  const worst = Math.max(...challengers.map(({ variance, gap2 }) => (2 * (variance / free + leaderVariance / leaderShare)) / gap2))
  const lowest = leastFeasible((t) => least(t).reduce((sum, w) => sum + w, 0) <= rest, worst)
  return at(regularisation === 0 ? lowest : minimum((t) => at(t).value, lowest, worst))
}

/** The smallest t in (0, high] that is feasible, as `high` is. */
function leastFeasible(feasible: (t: number) => boolean, high: number): number {
  let [low, up] = [0, high]
  for (let i = 0; i < 80; i++) {
    const middle = (low + up) / 2
    if (feasible(middle)) up = middle
    else low = middle
  }
  return up
}

/** Shares that sum to `total`, none below its least, and otherwise as equal as can be. */
function fill(least: readonly number[], total: number): number[] {
  const order = least.map((_, i) => i).sort((i, j) => least[j]! - least[i]!)
  let [left, open] = [total, least.length]
  for (const i of order) {
    if (least[i]! <= left / open) break
    left -= least[i]!
    open--
  }
  const level = open === 0 ? 0 : left / open
  return least.map((w) => Math.max(w, level))
}

/**
 * Shares that sum to `total` at most, none below the least. A challenger without variance needs a difference of two numbers
 * that are nearly the same, and may get a little too much: that must not come from the leader, for whom it is dear.
 */
function within(shares: readonly number[], total: number, minProb: number): number[] {
  const sum = shares.reduce((all, w) => all + w, 0)
  const spare = shares.length * minProb
  if (sum <= total || sum <= spare) return [...shares]
  const factor = Math.max(0, total - spare) / (sum - spare)
  return shares.map((w) => minProb + (w - minProb) * factor)
}

export type Stopping = Readonly<{
  /** min_i gap_i² / (2(v_L/n_L + v_i/n_i)): how sure it is that the leader is at most ε worse than any other. */
  glr: number
  /** ln((1 + ln n)/δ), n all pulls. */
  threshold: number
  stop: boolean
}>

/**
 * Whether the leader may be declared the best, wrong with probability δ at most, however often it is asked: generalised
 * likelihood ratio above the threshold. An arm without pulls is no evidence. Whoever acts on it keeps the decision: a
 * later answer may differ.
 * @param delta in (0, 1)
 */
export function stopping(
  leader: Arm,
  challengers: readonly Arm[],
  options: Pick<Allocation, 'epsilon' | 'optimize'>,
  delta: number,
): Stopping {
  const sign = options.optimize === 'max' ? 1 : -1
  const ratios = challengers.map((challenger) => {
    const gap = sign * (leader.mean - challenger.mean) + options.epsilon
    if (gap <= 0 || leader.pulls === 0 || challenger.pulls === 0) return 0
    return gap ** 2 / (2 * (spread(leader) + spread(challenger)))
  })
  const n = challengers.reduce((sum, { pulls }) => sum + pulls, leader.pulls)
  const glr = Math.min(...ratios)
  const threshold = Math.log((1 + Math.log(Math.max(1, n))) / delta)
  return { glr, threshold, stop: glr > threshold }
}
const spread = ({ variance, pulls }: Arm): number => Math.max(variance, leastVariance) / pulls
