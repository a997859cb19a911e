import { criticalZ } from './distributions.ts'

type Ranked = Readonly<{ p: number; index: number }>
const ascending = (pValues: readonly number[]): Ranked[] => pValues.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p)

/**
 * Holm–Bonferroni: adjusted p of a family of tests, in the order given. Below alpha there is no false finding in the
 * family, with probability 1 − alpha, however the tests depend on one another. Holm (1979).
 * @param pValues each in [0, 1]
 */
export function holm(pValues: readonly number[]): number[] {
  const adjusted: number[] = []
  let highest = 0
  for (const [rank, { p, index }] of ascending(pValues).entries()) {
    highest = Math.max(highest, Math.min(1, p * (pValues.length - rank)))
    adjusted[index] = highest
  }
  return adjusted
}

/**
 * Benjamini–Hochberg: adjusted p, in the order given. Of what is found below alpha, a part of at most alpha is false on
 * average. Benjamini, Hochberg (1995).
 * @param pValues each in [0, 1]
 */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  const adjusted: number[] = []
  let lowest = 1
  for (const [position, { p, index }] of ascending(pValues).reverse().entries()) {
    lowest = Math.min(lowest, (p * pValues.length) / (pValues.length - position))
    adjusted[index] = lowest
  }
  return adjusted
}

/**
 * An interval that says the same as an adjusted p: as wide as if lift and p came from one normal, sd = |lift / z_{1−p/2}|.
 * @param adjustedPValue in [0, 1] (1: nothing is known); @param lift the estimate; @param alpha level of the interval
 */
export function adjustedInterval(adjustedPValue: number, lift: number, alpha: number): { ciLower: number; ciUpper: number } {
  const z = criticalZ(adjustedPValue)
  const half = z <= 0 ? Number.POSITIVE_INFINITY : criticalZ(alpha) * Math.abs(lift / z)
  return { ciLower: lift - half, ciUpper: lift + half }
}
