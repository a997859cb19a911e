import { criticalZ, normalCdf } from './distributions.ts'

/** An arm by its mean, variance per unit (≥ 0) and units (≥ 1). */
export type Moments = Readonly<{ mean: number; variance: number; n: number }>

export type MsprtResult = Readonly<{
  delta: number
  V: number
  tau: number
  zStar: number
  ciLower: number
  ciUpper: number
  pValue: number
}>

/**
 * Mixture sequential probability ratio test of the absolute difference, as Statsig documents it: V = se², mixture variance
 * τ = z² (v_T + v_C)/(n_T + n_C), z* = √((V+τ)/τ · (−2 ln(α/2) − ln(V/(V+τ)))), p = 2 Φ(−|z| / (z* / z_{α/2})).
 * Zhao, Liu, Deng: Safely and quickly deploying new features with a staged rollout framework (2019).
 * @param alpha in (0, 1). Not both variances are 0.
 */
export function msprt(treatment: Moments, control: Moments, alpha: number): MsprtResult {
  const z = criticalZ(alpha)
  const delta = treatment.mean - control.mean
  const V = treatment.variance / treatment.n + control.variance / control.n
  const tau = (z ** 2 * (treatment.variance + control.variance)) / (treatment.n + control.n)
  const zStar = Math.sqrt(((V + tau) / tau) * (-2 * Math.log(alpha / 2) - Math.log(V / (V + tau))))
  const half = zStar * Math.sqrt(V)
  const pValue = 2 * normalCdf((-Math.abs(delta) / Math.sqrt(V)) * (z / zStar))
  return { delta, V, tau, zStar, ciLower: delta - half, ciUpper: delta + half, pValue }
}
