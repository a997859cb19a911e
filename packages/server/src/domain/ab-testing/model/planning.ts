import { criticalZ, normalCdf, normalQuantile } from './distributions.ts'
import { deltaVariance } from './effect.ts'
import { sequentialFactor, type Tuning } from './sequential.ts'

/** The metric as it is today, by unit. */
export type Baseline = Readonly<{ mean: number; variance: number }>

export type Design = Readonly<{
  /** Level, in (0, 1). */
  alpha: number
  sides: 1 | 2
  /** N* where the interval is always-valid; without it there is one look. */
  expectedSampleSize?: number | undefined
}>

/** Critical value of the design, in standard errors, when both arms together have n units. */
function criticalValue({ alpha, sides, expectedSampleSize }: Design, n: number): number {
  if (expectedSampleSize === undefined) return criticalZ(alpha, sides)
  const tuning: Tuning = { alpha: sides === 1 ? 2 * alpha : alpha, expectedSampleSize }
  return sequentialFactor(n, tuning)
}

/**
 * By how much an always-valid design widens a standard error: half-width factor over z. 1 for one look.
 * At the last look: that it may stop before only adds to its power.
 */
const widening = (design: Design, n: number): number => criticalValue(design, n) / criticalZ(design.alpha, design.sides)

/** 1 − Φ(z − D/se) + Φ(−z − D/se); one-sided without the second part. @param effect towards the side that is tested */
export function powerAt(effect: number, se: number, design: Design, n: number): number {
  const z = criticalZ(design.alpha, design.sides)
  const d = effect / (se * widening(design, n))
  return normalCdf(d - z) + (design.sides === 2 ? normalCdf(-z - d) : 0)
}

/**
 * Power to find a relative effect with `perArm` units in each of two arms; the treatment varies as the control does.
 * @param relativeEffect 0.05 is five per cent more, −0.05 less
 */
export function powerOfRelative({ mean, variance }: Baseline, relativeEffect: number, perArm: number, design: Design): number {
  const se = Math.sqrt(
    deltaVariance({ varA: variance, meanA: mean, nA: perArm, varB: variance, meanB: mean * (1 + relativeEffect), nB: perArm }),
  )
  return powerAt(relativeEffect, se, design, 2 * perArm)
}

/**
 * The smallest relative effect (> 0) that `perArm` units in each of two arms find with that power. With s = z²v/(n m²),
 * z = z_{1−α/2} + z_power, the effect D solves D² = s (1 + (1 ± D)²), + for an increase: D = (±s + √(2s − s²))/(1 − s).
 * @param direction of the change: a decrease makes the relative variance smaller, and shows a little sooner
 * @returns null where no effect is large enough (s ≥ 1)
 */
export function minimumRelativeEffect(
  { mean, variance }: Baseline,
  perArm: number,
  power: number,
  design: Design,
  direction: 'increase' | 'decrease' = 'increase',
): number | null {
  const z = criticalZ(design.alpha, design.sides) + normalQuantile(power)
  const s = (z ** 2 * variance * widening(design, 2 * perArm) ** 2) / (perArm * mean ** 2)
  if (!(s < 1) || z <= 0) return null
  const sign = (direction === 'increase') === mean > 0 ? 1 : -1
  return (sign * s + Math.sqrt(2 * s - s ** 2)) / (1 - s)
}

/** Units per arm that find an absolute difference at one look: (z_{1−α/s} + z_power)² (v_C + v_T)/d². Round up. */
const sampleSize = (effect: number, variances: readonly [number, number], power: number, alpha: number, sides: 1 | 2): number =>
  ((criticalZ(alpha, sides) + normalQuantile(power)) ** 2 * (variances[0] + variances[1])) / effect ** 2

/**
 * Units per arm for two proportions, with the variance under the null pooled or not. Fleiss, Levin, Paik: Statistical
 * Methods for Rates and Proportions (2003), 4.14. Round up.
 */
export function sampleSizeOfProportions(
  p1: number,
  p2: number,
  { alpha, power, sides }: Readonly<{ alpha: number; power: number; sides: 1 | 2 }>,
): { unpooled: number; pooledNull: number } {
  const [v1, v2, mean] = [p1 * (1 - p1), p2 * (1 - p2), (p1 + p2) / 2]
  const root = criticalZ(alpha, sides) * Math.sqrt(2 * mean * (1 - mean)) + normalQuantile(power) * Math.sqrt(v1 + v2)
  return { unpooled: sampleSize(p2 - p1, [v1, v2], power, alpha, sides), pooledNull: root ** 2 / (p2 - p1) ** 2 }
}

/**
 * The fewest units per arm with which a design has that power to find an absolute difference.
 * @param designAt the design when every arm has n units: its N* may follow them
 * @returns null beyond 10¹² units
 */
export function unitsPerArm(
  effect: number,
  variances: readonly [number, number],
  power: number,
  designAt: (n: number) => Design,
): number | null {
  const enough = (n: number) => powerAt(Math.abs(effect), Math.sqrt((variances[0] + variances[1]) / n), designAt(n), 2 * n) >= power
  const most = 1e12
  let high = 2
  while (!enough(high)) {
    if (high > most) return null
    high *= 2
  }
  let low = Math.max(1, high / 2)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (enough(middle)) high = middle
    else low = middle
  }
  return high
}
