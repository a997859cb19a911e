/**
 * Asymptotic confidence sequences. Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: Time-uniform central limit theory and
 * asymptotic confidence sequences (2021, arXiv:2103.06476), equations 9 and 155.
 */
export type Tuning = Readonly<{
  /** 1 − coverage over all looks, in (0, 1); one-sided in (0, 0.5). */
  alpha: number
  /** N*: units of both arms together at which the sequence is narrowest, fixed before the start. */
  expectedSampleSize: number
}>

/** ρ = √((−2 ln α + ln(−2 ln α + 1)) / N*). */
const sequentialRho = ({ alpha, expectedSampleSize }: Tuning): number => {
  const log = -2 * Math.log(alpha)
  return Math.sqrt((log + Math.log(log + 1)) / expectedSampleSize)
}

/** Half-width of the interval that holds at all looks at once. @param se standard error at n units of both arms (n ≥ 1) */
export const sequentialHalfWidth = (se: number, n: number, tuning: Tuning): number => se * sequentialFactor(n, tuning)

/** How many standard errors that is; a fixed test needs z. √N · √(2(Nρ²+1)/(N²ρ²) · ln(√(Nρ²+1)/α)) */
export function sequentialFactor(n: number, tuning: Tuning): number {
  const rho2 = sequentialRho(tuning) ** 2
  const t = n * rho2 + 1
  return Math.sqrt(((2 * t) / (n * rho2)) * Math.log(Math.sqrt(t) / tuning.alpha))
}

/** Always-valid two-sided p: min(1, √T · exp(−ρ² N z² / (2T))), T = Nρ² + 1. */
export function sequentialPValue(z: number, n: number, tuning: Tuning): number {
  const rho2 = sequentialRho(tuning) ** 2
  const t = n * rho2 + 1
  return Math.min(1, Math.sqrt(t) * Math.exp((-rho2 * n * z ** 2) / (2 * t)))
}

/** One-sided sequences take ρ for twice the level. */
const oneSidedRho2 = ({ alpha, expectedSampleSize }: Tuning): number => sequentialRho({ alpha: 2 * alpha, expectedSampleSize }) ** 2

/** The bound from below (`towards` 1) or above (−1), as an interval that is open on the other side. */
export function oneSidedInterval(
  { estimate, se, n }: Readonly<{ estimate: number; se: number; n: number }>,
  tuning: Tuning,
  towards: 1 | -1,
): readonly [number, number] {
  const rho2 = oneSidedRho2(tuning)
  const t = n * rho2 + 1
  const half = se * Math.sqrt(((2 * t) / (n * rho2)) * Math.log(1 + Math.sqrt(t) / (2 * tuning.alpha)))
  return towards === 1 ? [estimate - half, Number.POSITIVE_INFINITY] : [Number.NEGATIVE_INFINITY, estimate + half]
}

/**
 * The level at which the one-sided bound would just touch the null, ρ staying that of the level asked for. Solved for α:
 * √T / (2(exp(ρ² N z² / (2T)) − 1)). Kept in [0.00001, 0.4999], where engines that search for it look.
 * @param z estimate over standard error, positive in the direction that is tested
 */
export function oneSidedPValue(z: number, n: number, tuning: Tuning): number {
  if (z <= 0) return 0.4999
  const rho2 = oneSidedRho2(tuning)
  const t = n * rho2 + 1
  return Math.min(0.4999, Math.max(1e-5, Math.sqrt(t) / (2 * Math.expm1((rho2 * n * z ** 2) / (2 * t)))))
}

/** ρ that the sequence of a single mean takes: √((−2 ln α + ln(−2 ln α) + 1) / 100). */
const singleMeanRho = (alpha: number): number => {
  const log = -2 * Math.log(alpha)
  return Math.sqrt((log + Math.log(log) + 1) / 100)
}

/**
 * Half-width of the sequence of one mean; here the variance is inside: √((n v ρ²+1)/(n²ρ²) · ln((n v ρ²+1)/α²)).
 * @param input n units (0: infinite), variance per unit ≥ 0, alpha in (0, 0.5), ρ > 0 (that of n = 100 without it)
 */
export function singleMeanSequence(input: Readonly<{ n: number; variance: number; alpha: number; rho?: number }>): {
  rho: number
  margin: number
} {
  const { n, variance, alpha, rho = singleMeanRho(alpha) } = input
  if (n === 0) return { rho, margin: Number.POSITIVE_INFINITY }
  const t = n * variance * rho ** 2 + 1
  return { rho, margin: Math.sqrt((t / (n * rho) ** 2) * Math.log(t / alpha ** 2)) }
}
