import { covarianceOf, meanOf, saysNothing, unadjustedMeanOf, varianceOf, withTheta } from './moments.ts'
import type { Cuped, Statistic } from './statistics.ts'

export type DifferenceType = 'relative' | 'absolute'

/** The difference between two arms, as far as everything that follows needs it. */
export type Effect = Readonly<{
  /** m_T − m_C, or that over |m_C| (the unadjusted one): 0.05 is five per cent more. */
  estimate: number
  /** Standard error of the estimate. */
  se: number
  /** Welch–Satterthwaite degrees of freedom. */
  df: number
  /** Units in both arms. */
  n: number
  /** |m_C|, unadjusted: what a relative effect is a part of. */
  baseline: number
}>

/** Why two arms cannot be compared. It is an answer, not a mistake of the caller: an arm may just not have varied yet. */
export type EffectError = 'ZERO_NEGATIVE_VARIANCE' | 'BASELINE_VARIATION_ZERO'
export type EffectResult = Readonly<{ effect: Effect; error: null } | { effect: null; error: EffectError }>

/** Compare two arms by their sufficient statistics. */
export function effectBetween(a: Statistic, b: Statistic, differenceType: DifferenceType): EffectResult {
  const [control, treatment] = withTheta(a, b)
  if (saysNothing(control) || saysNothing(treatment)) return { effect: null, error: 'ZERO_NEGATIVE_VARIANCE' }
  const baseline = Math.abs(unadjustedMeanOf(control))
  if (differenceType === 'relative' && baseline === 0) return { effect: null, error: 'BASELINE_VARIATION_ZERO' }
  const difference = meanOf(treatment) - meanOf(control)
  const variance = differenceType === 'relative' ? relativeVariance(control, treatment) : absoluteVariance(control, treatment)
  if (variance <= 0) return { effect: null, error: 'ZERO_NEGATIVE_VARIANCE' }
  const estimate = differenceType === 'relative' ? difference / baseline : difference
  // A baseline or a variance so small that a part of it is no number is as good as none.
  const df = welchDf(control, treatment)
  if (![estimate, variance, df].every(Number.isFinite)) return { effect: null, error: 'BASELINE_VARIATION_ZERO' }
  const effect: Effect = {
    estimate,
    se: Math.sqrt(variance),
    df,
    n: control.n + treatment.n,
    baseline,
  }
  return { effect, error: null }
}

const absoluteVariance = (c: Statistic, t: Statistic): number => varianceOf(c) / c.n + varianceOf(t) / t.n

const relativeVariance = (c: Statistic, t: Statistic): number =>
  c.type === 'cuped' && t.type === 'cuped'
    ? adjustedRelativeVariance(c, t)
    : deltaVariance({
        varA: varianceOf(c),
        meanA: unadjustedMeanOf(c),
        nA: c.n,
        varB: varianceOf(t),
        meanB: unadjustedMeanOf(t),
        nB: t.n,
      })

/**
 * Variance of (m_B − m_A) / |m_A| of independent arms, by the delta method: v_B/(n_B m_A²) + v_A m_B²/(n_A m_A⁴).
 * @param input variances per unit (≥ 0), means (meanA not 0), units (≥ 1)
 */
export function deltaVariance(input: Readonly<Record<'varA' | 'meanA' | 'nA' | 'varB' | 'meanB' | 'nB', number>>): number {
  const { varA, meanA, nA, varB, meanB, nB } = input
  return varB / nB / meanA ** 2 + ((varA / nA) * meanB ** 2) / meanA ** 4
}

/**
 * The same under CUPED: the control's outcome is in numerator and denominator, its earlier outcome in the numerator alone.
 * Gradient of the control's part of the lift by (Y, X): (−m_T/m_C², θ/m_C), m unadjusted.
 */
function adjustedRelativeVariance(c: Cuped, t: Cuped): number {
  const [theta, mean] = [c.theta ?? 0, meanOf(c.post)]
  const ratio = meanOf(t.post) / mean
  const control = varianceOf(c.post) * ratio ** 2 - 2 * theta * covarianceOf(c) * ratio + theta ** 2 * varianceOf(c.pre)
  return (varianceOf(t) / t.n + control / c.n) / mean ** 2
}

/**
 * Welch–Satterthwaite degrees of freedom from the arms' variances; those of the absolute difference, for a relative one too.
 * By each arm's share of the variance, since squares of small variances would leave the range of a double.
 */
function welchDf(c: Statistic, t: Statistic): number {
  const [vC, vT] = [varianceOf(c) / c.n, varianceOf(t) / t.n]
  const share = vC / (vC + vT)
  return 1 / (share ** 2 / (c.n - 1) + (1 - share) ** 2 / (t.n - 1))
}
