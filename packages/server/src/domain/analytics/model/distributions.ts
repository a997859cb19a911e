import { countOf, type Sketch } from './sketch.ts'

/** Two distributions by the counts of their common bins, in order of the values. */
export type Binned = Readonly<{ recent: readonly number[]; baseline: readonly number[] }>

const total = (counts: readonly number[]): number => counts.reduce((sum, n) => sum + n, 0)

/** The bins that either sketch has, each with its counts. */
export function binned(recent: Sketch, baseline: Sketch): Binned {
  const both: { recent: number[]; baseline: number[] } = { recent: [], baseline: [] }
  const end = Math.max(recent.low + recent.counts.length, baseline.low + baseline.counts.length)
  for (let bin = Math.min(recent.low, baseline.low); bin < end; bin++) {
    const [a, b] = [countOf(recent, bin), countOf(baseline, bin)]
    if (a === 0 && b === 0) continue
    both.recent.push(a)
    both.baseline.push(b)
  }
  return both
}

/**
 * Two-sample Kolmogorov–Smirnov distance: the largest difference of the cumulative shares, 0 to 1. Of sketches it is taken
 * at the edges of their bins, so that it is at most the distance of the values themselves, and nearer to it than the share
 * of any one bin.
 */
export function ksDistance({ recent, baseline }: Binned): number {
  const [all, before] = [total(recent), total(baseline)]
  let [a, b, most] = [0, 0, 0]
  for (const [i, n] of recent.entries()) {
    a += n / all
    b += baseline[i]! / before
    most = Math.max(most, Math.abs(a - b))
  }
  return Math.min(1, most)
}

/**
 * How likely two samples of one distribution lie at least that far apart: the asymptotic Kolmogorov distribution with
 * Stephens' correction for small samples (Stephens 1970; Numerical Recipes, 3rd ed., 14.3.3 and 6.14.12). Where values are
 * tied or binned it is larger than the exact one, so that the test errs on the side of no drift.
 * @param n,m sizes of the samples, > 0 @returns 0 to 1
 */
export function ksPValue(distance: number, n: number, m: number): number {
  const root = Math.sqrt((n / (n + m)) * m)
  const z = (root + 0.12 + 0.11 / root) * distance
  if (z < 0.2) return 1
  if (z < 1.18) {
    // The series below converges badly for small z; this is its transform by Jacobi's theta function.
    const y = Math.exp((-Math.PI * Math.PI) / (8 * z * z))
    return 1 - (Math.sqrt(2 * Math.PI) / z) * (y + y ** 9 + y ** 25 + y ** 49)
  }
  const x = Math.exp(-2 * z * z)
  return Math.min(1, Math.max(0, 2 * (x - x ** 4 + x ** 9)))
}

const groupCount = 10

/**
 * Population stability index: the sum of (p − q) ln(p / q) over bins (Siddiqi, Credit Risk Scorecards, 2006; symmetric
 * Kullback–Leibler divergence). The bins are tenths of both together, fewer where many values are equal; half an event
 * is added to each, so that an empty one is not infinitely far. Of one distribution it is about (bins − 1)(1/n + 1/m), which
 * is why it is never judged without a test.
 * @returns >= 0; customary limits are 0.1 and 0.25
 */
export function psi(both: Binned): number {
  const { recent, baseline } = grouped(both)
  const [all, before] = [total(recent) + recent.length / 2, total(baseline) + baseline.length / 2]
  return recent.reduce((sum, n, i) => {
    const [p, q] = [(n + 0.5) / all, (baseline[i]! + 0.5) / before]
    return sum + (p - q) * Math.log(p / q)
  }, 0)
}

/** Neighbouring bins put together until each group has a tenth of both together; a bin that has so much itself stands alone. */
function grouped({ recent, baseline }: Binned): Binned {
  const [all, before] = [total(recent), total(baseline)]
  const groups: { recent: number[]; baseline: number[] } = { recent: [], baseline: [] }
  const full = 2 / groupCount
  let weight = full
  for (const [i, n] of recent.entries()) {
    const own = n / all + baseline[i]! / before
    const last = groups.recent.length - 1
    if (weight >= full || own >= full) {
      groups.recent.push(n)
      groups.baseline.push(baseline[i]!)
      weight = own
    } else {
      groups.recent[last]! += n
      groups.baseline[last]! += baseline[i]!
      weight += own
    }
  }
  return groups
}

/**
 * p-values corrected for how many there are, so that of what is found a share of at most alpha is false (Benjamini and
 * Hochberg 1995, step-up). @returns in the order of the input
 */
export function falseDiscovery(pValues: readonly number[]): number[] {
  const order = [...pValues.keys()].sort((a, b) => pValues[b]! - pValues[a]!)
  const corrected = [...pValues]
  let least = 1
  for (const [i, index] of order.entries()) {
    least = Math.min(least, (pValues[index]! * pValues.length) / (pValues.length - i))
    corrected[index] = least
  }
  return corrected
}
