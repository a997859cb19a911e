import { criticalZ } from './distributions.ts'
import type { Cuped, Quantile, Simple, Statistic } from './statistics.ts'

const z95 = criticalZ(0.05)

/** Mean per unit, adjusted where it is CUPED; 0 without units. */
export function meanOf(s: Statistic): number {
  switch (s.type) {
    case 'ratio':
      return s.denominator.sum === 0 ? 0 : s.numerator.sum / s.denominator.sum
    case 'cuped':
      return meanOf(s.post) - (s.theta ?? 0) * meanOf(s.pre)
    case 'quantile':
      return s.hat
    default:
      return s.n === 0 ? 0 : s.sum / s.n
  }
}

/** The mean before any adjustment: what a lift is divided by. */
export const unadjustedMeanOf = (s: Statistic): number => meanOf(s.type === 'cuped' ? s.post : s)

/**
 * Variance of one unit, so that variance / n is that of the mean. Proportion p(1 − p), without the n − 1. Ratio by the
 * delta method: (v_M − 2 m cov(M, D) + m² v_D) / D̄². CUPED v_Y + θ² v_X − 2 θ cov(Y, X). 0 where it cannot be told.
 */
export function varianceOf(s: Statistic): number {
  switch (s.type) {
    case 'proportion':
      return meanOf(s) * (1 - meanOf(s))
    case 'mean':
      return s.n <= 1 ? 0 : (s.sumSquares - s.sum ** 2 / s.n) / (s.n - 1)
    case 'cuped': {
      const theta = s.theta ?? 0
      return s.n <= 1 ? 0 : varianceOf(s.post) + theta ** 2 * varianceOf(s.pre) - 2 * theta * covarianceOf(s)
    }
    case 'ratio': {
      const [perUnit, m] = [meanOf(s.denominator), meanOf(s)]
      if (perUnit === 0 || s.n <= 1) return 0
      const covariance = covariance_(s.n, s.numerator, s.denominator, s.sumOfProducts)
      return (varianceOf(s.numerator) - 2 * m * covariance + m ** 2 * varianceOf(s.denominator)) / perUnit ** 2
    }
    case 'quantile':
      return s.n < 100 ? spreadOf(s) : Math.max(spreadOf(s), 1e-5) // many units with the same value are no certainty
  }
}

/** Of proportions without the n − 1, like their variance. */
function covariance_(n: number, a: Simple, b: Simple, sumOfProducts: number): number {
  if (n <= 1) return 0
  if (a.type === 'proportion' && b.type === 'proportion') return sumOfProducts / n - (a.sum * b.sum) / n ** 2
  return (sumOfProducts - (a.sum * b.sum) / n) / (n - 1)
}

/** Covariance per unit of the metric and the earlier one. */
export const covarianceOf = ({ n, post, pre, postPreSumOfProducts }: Cuped): number => covariance_(n, post, pre, postPreSumOfProducts)

/** A quantile's variance from the order statistics at the ends of its 95 % interval, brought from nStar to n units. */
function spreadOf({ n, nStar = n, lower, upper }: Quantile): number {
  return n <= 1 ? 0 : (nStar / n) * (n - 1) * ((upper - lower) / (2 * z95)) ** 2
}

/** Whether an arm says too little to compare it: no variance, or too few units for its quantile to lie inside the sample. */
export function saysNothing(s: Statistic): boolean {
  if (s.type !== 'quantile') return varianceOf(s) <= 0
  const odds = s.nu / (1 - s.nu)
  return s.n <= z95 ** 2 * Math.max(odds, 1 / odds) || (spreadOf(s) <= 0 && s.n < 1000)
}

/**
 * CUPED's coefficient cov(Y, X) / var(X), of both arms together; 0 where either period has no variance.
 * Deng, Xu, Kohavi, Walker: Improving the Sensitivity of Online Controlled Experiments (2013).
 */
export function pooledTheta(a: Cuped, b: Cuped): number {
  const [post, pre] = [together(a.post, b.post), together(a.pre, b.pre)]
  if (varianceOf(post) === 0 || varianceOf(pre) === 0) return 0
  const n = a.n + b.n
  return covariance_(n, post, pre, a.postPreSumOfProducts + b.postPreSumOfProducts) / varianceOf(pre)
}

/** The statistics of two groups of units as one. The sum of squares of successes is their number. */
function together(a: Simple, b: Simple): Simple {
  const [n, sum] = [a.n + b.n, a.sum + b.sum]
  if (a.type === 'proportion' && b.type === 'proportion') return { type: 'proportion', n, sum }
  return { type: 'mean', n, sum, sumSquares: squaresOf(a) + squaresOf(b) }
}
const squaresOf = (s: Simple): number => (s.type === 'mean' ? s.sumSquares : s.sum)

/** Both arms with the coefficient that they will be adjusted by; arms of another type as they are. */
export function withTheta(control: Statistic, treatment: Statistic): readonly [Statistic, Statistic] {
  if (control.type !== 'cuped' || treatment.type !== 'cuped') return [control, treatment]
  if (typeof control.theta === 'number' && typeof treatment.theta === 'number') return [control, treatment]
  const theta = pooledTheta(control, treatment)
  return [
    { ...control, theta },
    { ...treatment, theta },
  ]
}
