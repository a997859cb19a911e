import { criticalZ } from './distributions.ts'
import type { Metric } from './experiment.ts'
import { meanOf, saysNothing, varianceOf } from './moments.ts'
import type { Statistic } from './statistics.ts'

export const metrics = ['success', 'score', 'latencyMs', 'costUsd', 'tokens', 'satisfaction'] as const satisfies readonly Metric[]

/** What the units of an arm add up to, for one metric, as far as they have outcomes. `n` counts outcomes, M their sum by unit, D their number by unit. */
export type Sums = Readonly<{
  units: number
  /** Σ D, Σ M, Σ D², Σ M², Σ DM. */
  n: number
  sum: number
  nn: number
  ss: number
  ns: number
  /** Of the units that have an earlier mean X alone: their number, Σ X, Σ X², Σ DX, Σ MX, Σ D, Σ M. */
  earlier: Readonly<{ units: number; x: number; xx: number; nx: number; sx: number; n: number; sum: number }>
}>

export const noSums: Sums = {
  units: 0,
  n: 0,
  sum: 0,
  nn: 0,
  ss: 0,
  ns: 0,
  earlier: { units: 0, x: 0, xx: 0, nx: 0, sx: 0, n: 0, sum: 0 },
}

export const addSums = (a: Sums, b: Sums): Sums => ({
  units: a.units + b.units,
  n: a.n + b.n,
  sum: a.sum + b.sum,
  nn: a.nn + b.nn,
  ss: a.ss + b.ss,
  ns: a.ns + b.ns,
  earlier: {
    units: a.earlier.units + b.earlier.units,
    x: a.earlier.x + b.earlier.x,
    xx: a.earlier.xx + b.earlier.xx,
    nx: a.earlier.nx + b.earlier.nx,
    sx: a.earlier.sx + b.earlier.sx,
    n: a.earlier.n + b.earlier.n,
    sum: a.earlier.sum + b.earlier.sum,
  },
})

/** An arm by the mean of its metric and the variance of one unit: variance / units is that of the mean. */
export type Estimate = Readonly<{ units: number; mean: number; variance: number }>

/** A spread below this part of the mean is none: it is what is left of equal values by the rounding of doubles. */
const leastSpread = 1e-6

/**
 * The ratio of sums Σ M / Σ D, randomised by unit: v = (v_M − 2 m cov(M, D) + m² v_D) / D̄². Where every unit has one outcome
 * that is the ordinary mean and variance. Taking outcomes for units would make the intervals too narrow.
 */
export function estimateOf({ units, n, sum, nn, ss, ns }: Sums): Estimate {
  if (units === 0 || n === 0) return { units: 0, mean: 0, variance: 0 }
  const mean = sum / n
  const perUnit = n / units
  // L = M − m D has the sum 0, so that its sum of squares is all there is.
  const squares = ss - 2 * mean * ns + mean ** 2 * nn
  return { units, mean, variance: spreadOf(units < 2 ? 0 : squares / (units - 1) / perUnit ** 2, mean) }
}
const spreadOf = (variance: number, mean: number): number => (variance > (leastSpread * mean) ** 2 ? variance : 0)

/** An arm, in the phases that shared out the traffic alike. `bins`: how many outcomes have a value about so large, in ascending order. */
export type Stratum = Readonly<{ sums: Sums; bins?: readonly Bin[] }>
export type Bin = Readonly<{ value: number; count: number }>

/** Units of both arms with an earlier mean from which on they are adjusted by it. */
const fewestEarlier = 100

export type Pair = Readonly<{ control: Statistic; treatment: Statistic; adjusted: boolean }>

/**
 * Two arms as the engine compares them. Strata with different shares are compared each by itself and then averaged, by
 * their units: otherwise an arm that gets more traffic on a good day looks better than it is.
 * @param control,treatment by stratum, in the same order
 * @param quantile 0.95 is p95, of the bins; without it the mean
 */
export function pairOf(metric: Metric, control: readonly Stratum[], treatment: readonly Stratum[], quantile?: number): Pair {
  const pairs = control.map((c, k) => estimates(c, treatment[k]!, quantile))
  const [c, t] = standardised(metric, [pairs.map((pair) => pair.c), pairs.map((pair) => pair.t)])
  return { control: c!, treatment: t!, adjusted: pairs.some(({ adjusted }) => adjusted) }
}

/** An arm as one figure by stratum, adjusted by nothing. */
export const estimatesOf = (strata: readonly Stratum[], quantile?: number): Estimate[] =>
  strata.map((stratum) => (quantile === undefined ? estimateOf(stratum.sums) : quantileOf(stratum, quantile)))

/** Arms over the strata in which all of them have units, each stratum with the part of the units that it has. @param arms by arm and stratum */
export function standardised(metric: Metric, arms: readonly (readonly Estimate[])[]): Statistic[] {
  const usable = (arms[0] ?? []).map((_, k) => k).filter((k) => arms.every((arm) => arm[k]!.units > 1))
  const sizes = usable.map((k) => arms.reduce((sum, arm) => sum + arm[k]!.units, 0))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const whole = arms.map((arm) =>
    together(
      usable.map((k) => arm[k]!),
      sizes.map((size) => size / total),
    ),
  )
  return uncertain(metric, whole).map(statisticOf)
}

/**
 * An arm in which everything went alike is not known for certain, and not unknown either: a variant that always fails must
 * be found out. Of 0 or n successes the variance is that of (s + ½)/(n + 1) (the posterior mean under Jeffreys' prior); of
 * another metric it is the largest of the other arms.
 */
function uncertain(metric: Metric, arms: readonly Estimate[]): Estimate[] {
  const largest = Math.max(...arms.map(({ variance }) => variance))
  return arms.map((arm) => {
    if (arm.units < 2 || arm.variance > 0) return arm
    const rate = (arm.mean * arm.units + 0.5) / (arm.units + 1)
    return { ...arm, variance: metric === 'success' ? rate * (1 - rate) : largest }
  })
}

type Estimates = Readonly<{ c: Estimate; t: Estimate; adjusted: boolean }>

function estimates(c: Stratum, t: Stratum, quantile: number | undefined): Estimates {
  if (quantile !== undefined) return { c: quantileOf(c, quantile), t: quantileOf(t, quantile), adjusted: false }
  const enough = Math.min(c.sums.earlier.units, t.sums.earlier.units) >= fewestEarlier
  const adjusted = enough ? adjustedBoth(c.sums, t.sums) : null
  return adjusted ?? { c: estimateOf(c.sums), t: estimateOf(t.sums), adjusted: false }
}

/**
 * Post-stratified: mean Σ s m, and the variance of one unit for which variance / units is Σ s² v / n. The variance is that
 * within strata, of all of them together: a stratum of few units may not vary by chance.
 */
function together(parts: readonly Estimate[], shares: readonly number[]): Estimate {
  const units = parts.reduce((sum, part) => sum + part.units, 0)
  const mean = parts.reduce((sum, part, k) => sum + shares[k]! * part.mean, 0)
  if (units === 0) return { units, mean, variance: 0 }
  const within = parts.reduce((sum, part) => sum + (part.units - 1) * part.variance, 0) / (units - parts.length)
  const widening = units * parts.reduce((sum, part, k) => sum + shares[k]! ** 2 / part.units, 0) // 1 of one stratum
  return { units, mean, variance: within * widening }
}

/** Sums that have this mean and this variance. */
function statisticOf({ units, mean, variance }: Estimate): Statistic {
  const sum = mean * units
  return { type: 'mean', n: units, sum, sumSquares: units === 0 ? 0 : variance * (units - 1) + sum ** 2 / units }
}

type Earlier = Readonly<{ x: number; xx: number; lx: number }>

/** Of X − c, 0 for units without an earlier mean: sum, sum of squares, and products with L = M − m D. */
function centred({ earlier: e }: Sums, mean: number, c: number): Earlier {
  const l = e.sum - mean * e.n
  return { x: e.x - c * e.units, xx: e.xx - 2 * c * e.x + c ** 2 * e.units, lx: e.sx - mean * e.nx - c * l }
}

/**
 * CUPED for a ratio: L = M − m D takes the place of the outcome (delta method), and the earlier mean explains part of it.
 * θ = cov(L, X)/var(X) of both arms together; m − θ X̄/D̄ with X about its mean; variance (v_L + θ² v_X − 2 θ cov)/D̄².
 * Deng, Xu, Kohavi, Walker: Improving the Sensitivity of Online Controlled Experiments (2013), 3 and appendix B.
 * @returns null where the earlier means do not vary
 */
function adjustedBoth(c: Sums, t: Sums): Estimates | null {
  const centre = (c.earlier.x + t.earlier.x) / (c.earlier.units + t.earlier.units)
  const [plainC, plainT] = [estimateOf(c), estimateOf(t)]
  const [xC, xT] = [centred(c, plainC.mean, centre), centred(t, plainT.mean, centre)]
  const [dC, dT] = [c.n / c.units, t.n / t.units]
  const vX = squaresAbout(xC, c.units) + squaresAbout(xT, t.units)
  if (!(vX > 0)) return null
  const theta = (xC.lx / dC + xT.lx / dT) / vX
  const adjust = (plain: Estimate, x: Earlier, perUnit: number): Estimate => {
    const variance = plain.variance + (theta ** 2 * squaresAbout(x, plain.units) - (2 * theta * x.lx) / perUnit) / (plain.units - 1)
    const mean = plain.mean - (theta * x.x) / plain.units
    return { units: plain.units, mean, variance: spreadOf(variance, mean) }
  }
  if (plainC.units < 2 || plainT.units < 2) return null
  return { c: adjust(plainC, xC, dC), t: adjust(plainT, xT, dT), adjusted: true }
}
const squaresAbout = ({ x, xx }: Earlier, units: number): number => xx - x ** 2 / units

/** The value below which a part of all outcomes lies; 0 without any. @param part in [0, 1] */
export function binAt(bins: readonly Bin[], part: number): number {
  const total = bins.reduce((sum, { count }) => sum + count, 0)
  let seen = 0
  for (const { value, count } of bins) {
    seen += count
    if (seen > part * (total - 1)) return value
  }
  return bins.at(-1)?.value ?? 0
}

/**
 * A quantile with the order statistics at the ends of its 95 % interval, as for so many values as there are units: outcomes
 * of one unit may be as alike as can be.
 */
export function quantileStatistic({ sums: { units }, bins = [] }: Stratum, nu: number): Statistic {
  const margin = units === 0 ? 1 : criticalZ(0.05) * Math.sqrt((nu * (1 - nu)) / units)
  const at = (part: number) => binAt(bins, Math.min(1, Math.max(0, part)))
  return { type: 'quantile', n: units, nu, hat: at(nu), lower: at(nu - margin), upper: at(nu + margin) }
}

function quantileOf(stratum: Stratum, nu: number): Estimate {
  const statistic = quantileStatistic(stratum, nu)
  const { units } = stratum.sums
  return saysNothing(statistic) || !stratum.bins?.length
    ? { units: 0, mean: statistic.type === 'quantile' ? statistic.hat : 0, variance: 0 }
    : { units, mean: meanOf(statistic), variance: varianceOf(statistic) }
}
