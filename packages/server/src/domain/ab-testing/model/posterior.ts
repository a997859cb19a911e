import { criticalZ, normalCdf, normalPdf } from './distributions.ts'
import { type DifferenceType, type Effect, effectBetween } from './effect.ts'
import type { Statistic } from './statistics.ts'

/** What is believed of the effect beforehand: normal. */
export type Prior = Readonly<{
  mean: number
  /** Above 0. */
  variance: number
  /** False: the prior is not used. */
  proper?: boolean
  /** Whether it is a prior of the relative effect (also for an absolute analysis), which it is unless this begins with "absolute". */
  scale?: string
}>

export type PosteriorOptions = Readonly<{
  /** 1 − mass of the credible interval, in (0, 1); 0.05 unless told. */
  alpha?: number
  differenceType?: DifferenceType
  /** Without one the data speak alone (flat prior). */
  prior?: Prior | null
  /** Lower is better. */
  inverse?: boolean
}>

export type PosteriorResult = Readonly<{
  expected: number
  ciLower: number
  ciUpper: number
  stddev: number
  chanceToWin: number
  riskControl: number
  riskTreatment: number
  error: string | null
}>
const nothing = { expected: 0, ciLower: 0, ciUpper: 0, stddev: 0, chanceToWin: 0.5, riskControl: 0, riskTreatment: 0 }

type Normal = Readonly<{ mean: number; stddev: number }>

/** The posterior of the effect, normal by the central limit theorem: two arms by their sufficient statistics. */
export function posteriorOfEffect(control: Statistic, treatment: Statistic, options: PosteriorOptions = {}): PosteriorResult {
  const { alpha = 0.05, differenceType = 'relative', prior = null, inverse = false } = options
  const { effect, error } = effectBetween(control, treatment, differenceType)
  if (!effect) return { ...nothing, error }
  const scaled = prior && prior.proper !== false ? scaledPrior(prior, differenceType, effect) : null
  if (scaled && !(scaled.variance > 0 && Number.isFinite(scaled.variance))) return { ...nothing, error: 'BASELINE_VARIATION_ZERO' }
  const { mean, stddev } = normalPosterior(effect, scaled)
  const half = criticalZ(alpha) * stddev
  return {
    expected: mean,
    ciLower: mean - half,
    ciUpper: mean + half,
    stddev,
    chanceToWin: normalCdf((inverse ? -mean : mean) / stddev),
    ...risks(mean, stddev, inverse),
    error: null,
  }
}

/** A prior of the relative effect is one of the absolute effect times the baseline, and the other way round. */
function scaledPrior({ mean, variance, scale }: Prior, differenceType: DifferenceType, { baseline }: Effect) {
  const given: DifferenceType = scale?.startsWith('absolute') ? 'absolute' : 'relative'
  if (given === differenceType) return { mean, variance }
  const factor = given === 'relative' ? baseline : 1 / baseline
  return { mean: mean * factor, variance: variance * factor ** 2 }
}

/** Precision-weighted: each side counts by one over its variance. */
function normalPosterior(
  { estimate, se }: Readonly<{ estimate: number; se: number }>,
  prior: Readonly<{ mean: number; variance: number }> | null,
): Normal {
  if (!prior) return { mean: estimate, stddev: se }
  const precision = 1 / se ** 2 + 1 / prior.variance
  return { mean: (estimate / se ** 2 + prior.mean / prior.variance) / precision, stddev: Math.sqrt(1 / precision) }
}

/**
 * Expected loss of keeping the control, and of shipping the treatment, in units of the effect (≥ 0).
 * Shipping T loses s φ(m/s) − m Φ(−m/s) = E[max(−effect, 0)] where more is better. Each is computed by itself, since their
 * difference is m and would drown the smaller one.
 * @param mean of the posterior; @param stddev of it, ≥ 0; @param inverse lower is better
 */
export function risks(mean: number, stddev: number, inverse = false): { riskControl: number; riskTreatment: number } {
  const [gain, loss] = [shortfall(-mean, stddev), shortfall(mean, stddev)]
  return inverse ? { riskControl: loss, riskTreatment: gain } : { riskControl: gain, riskTreatment: loss }
}

/** E[max(−X, 0)] of a normal X. */
function shortfall(mean: number, stddev: number): number {
  if (stddev === 0) return Math.max(-mean, 0)
  const z = mean / stddev
  return Math.max(0, stddev * normalPdf(z) - mean * normalCdf(-z))
}
