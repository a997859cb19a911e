import { gaussianRanks } from './best-arm.ts'
import { effectBetween } from './effect.ts'
import type { Aim, Experiment, Metric } from './experiment.ts'
import { sequentialTest, welchTest } from './frequentist.ts'
import { meanOf, varianceOf } from './moments.ts'
import { holm } from './multiplicity.ts'
import { posteriorOfEffect } from './posterior.ts'
import { sampleRatio } from './sample-ratio.ts'
import { oneSidedInterval, type Tuning } from './sequential.ts'
import type { Statistic } from './statistics.ts'
import { addSums, type Bin, estimatesOf, noSums, type Pair, pairOf, type Stratum, type Sums, standardised } from './summaries.ts'

/** What is known of a test: small, however many outcomes there are. */
export type Figures = Readonly<{
  /** Sums by phase, variant and metric; `moved`: of units that had another variant before. */
  sums: readonly Readonly<{ phase: number; variant: string; metric: Metric; moved: boolean; sums: Sums }>[]
  /** Of the metric whose quantile is asked for, by phase and variant, in ascending order. */
  bins: readonly Readonly<{ phase: number; variant: string; metric: Metric; bins: readonly Bin[] }>[]
  /** Units by the phase and the variant of their first exposure. */
  exposed: readonly Readonly<{ phase: number; variant: string; units: number }>[]
}>

export type Interval = Readonly<{ lower: number; upper: number }>
export type Role = 'primary' | 'secondary' | 'guardrail'

/** A variant against the control, for one metric. */
export type Comparison = Readonly<{
  variant: string
  metric: Metric
  direction: Aim['direction']
  role: Role
  /** Relative: 0.05 is five per cent more than the control. Null where nothing is relative to a control of 0. */
  lift: Readonly<{ estimate: number; interval: Interval; alwaysValid: Interval; pValue: number }> | null
  /** In the metric's own unit; what decisions rest on. */
  difference: Readonly<{ estimate: number; alwaysValid: Interval; alwaysValidPValue: number }> | null
  /** By Holm, of all goals and variants together. Null for guardrails. */
  adjustedPValue: number | null
  chanceToWin: number
  /** Relative (absolute where the control is 0): what is lost on average by keeping the control, or by shipping the variant. */
  expectedLoss: Readonly<{ control: number; variant: number }>
  /** By the units' earlier means (CUPED). */
  adjusted: boolean
  /** What the always-valid interval says: is the variant better or worse than the control? */
  verdict: 'better' | 'worse' | 'open'
  error: string | null
}>

export type GuardrailState = Readonly<{
  variant: string
  metric: Metric
  direction: Aim['direction']
  maxRegression: number
  /** By how much the variant is worse, relative: below 0 it is better. Null where nothing can be said yet. */
  regression: number | null
  /** Always-valid, at all looks and for all guardrails at once; null: nothing can be said. */
  lower: number | null
  upper: number | null
  /** crossed: worse than allowed, for sure; holds: not worse than allowed, for sure. */
  state: 'holds' | 'crossed' | 'open'
}>

export type RatioCheck = Readonly<{
  pValue: number
  alarm: boolean
  phases: readonly Readonly<{ phase: number; expected: readonly number[]; units: readonly number[]; pValue: number }>[]
}>

export type Analysed = Readonly<{
  comparisons: readonly Comparison[]
  guardrails: readonly GuardrailState[]
  sampleRatio: RatioCheck
  /** By variant: units that have the primary metric. */
  units: readonly number[]
}>

type Plan = Pick<Experiment, 'variants' | 'phases' | 'metric' | 'secondary' | 'guardrails' | 'statistics' | 'allocation'>

/** Units of an arm before which no guardrail is judged: the sequence is right for averages, not for a handful. */
const fewestForGuardrail = 50

/** Always-valid intervals of the treatments hold together: each at its part of alpha (Bonferroni). */
export const levelOf = ({ variants, statistics }: Pick<Plan, 'variants' | 'statistics'>): number =>
  statistics.alpha / Math.max(1, variants.length - 1)

/** Everything that can be said of a test. Pure, and small work: some thousand numbers at most. */
export function analysed(test: Plan, figures: Figures): Analysed {
  const read = reader(test, figures)
  const goals: (Aim & { role: Role })[] = [
    { metric: test.metric.primary, direction: test.metric.direction, role: 'primary' },
    ...test.secondary.map((aim) => ({ ...aim, role: 'secondary' as const })),
  ]
  const treatments = test.variants.slice(1)
  const compared = goals.flatMap((goal) => treatments.map(({ key }) => compare(test, goal, key, read)))
  const adjusted = holm(compared.map(({ lift, difference }) => lift?.pValue ?? difference?.alwaysValidPValue ?? 1))
  const watched = test.guardrails.flatMap((rail) =>
    treatments.map(({ key }) => compare(test, { ...rail, role: 'guardrail' as const }, key, read)),
  )
  return {
    comparisons: [...compared.map((one, i) => ({ ...one, adjustedPValue: adjusted[i]! })), ...watched],
    guardrails: guardrailsOf(test, read),
    sampleRatio: ratioOf(test, figures),
    units: test.variants.map(({ key }) => totalOf(figures, key, test.metric.primary).units),
  }
}

/** What a variant has come to in all phases: units and mean of everything that was told, moved units too. */
export function totalOf(figures: Figures, variant: string, metric: Metric): Sums {
  return figures.sums.filter((one) => one.variant === variant && one.metric === metric).reduce((sum, one) => addSums(sum, one.sums), noSums)
}

type Reader = Readonly<{ strata(variant: string, metric: Metric): Stratum[]; pair(variant: string, metric: Metric): Pair }>

/** Sums by stratum: phases that shared out the traffic alike are one. Units that were moved are compared with nobody. */
function reader(test: Plan, figures: Figures): Reader {
  const shares = test.phases.map(({ weights }) => normalised(weights).join())
  const kinds = [...new Set(shares)]
  const stratumOf = new Map(test.phases.map(({ n }, i) => [n, kinds.indexOf(shares[i]!)]))
  const strata = (variant: string, metric: Metric): Stratum[] =>
    kinds.map((_, k) => {
      const here = (one: { phase: number; variant: string; metric: Metric }) =>
        one.variant === variant && one.metric === metric && stratumOf.get(one.phase) === k
      const sums = figures.sums.filter((one) => !one.moved && here(one)).reduce((sum, one) => addSums(sum, one.sums), noSums)
      const bins = mergedBins(figures.bins.filter(here).map((one) => one.bins))
      return { sums, bins }
    })
  const quantileOf = (metric: Metric) => (metric === test.metric.primary ? test.metric.quantile : undefined)
  return {
    strata,
    pair: (variant, metric) => pairOf(metric, strata(test.variants[0]!.key, metric), strata(variant, metric), quantileOf(metric)),
  }
}

const normalised = (weights: readonly number[]): number[] => {
  const total = weights.reduce((sum, w) => sum + w, 0)
  return weights.map((w) => Math.round((w / (total || 1)) * 1e6))
}

function mergedBins(lists: readonly (readonly Bin[])[]): Bin[] {
  const counts = new Map<number, number>()
  for (const { value, count } of lists.flat()) counts.set(value, (counts.get(value) ?? 0) + count)
  return [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => a.value - b.value)
}

const nothingSaid = { lift: null, difference: null, chanceToWin: 0.5, expectedLoss: { control: 0, variant: 0 }, verdict: 'open' as const }

function compare(test: Plan, { metric, direction, role }: Aim & { role: Role }, variant: string, read: Reader): Comparison {
  const { control, treatment, adjusted } = read.pair(variant, metric)
  const facts = { variant, metric, direction, role, adjustedPValue: null, adjusted }
  const options = { alpha: levelOf(test), tuningParameter: test.statistics.expectedSampleSize }
  const absolute = sequentialTest(control, treatment, { ...options, differenceType: 'absolute' })
  if (absolute.error) return { ...facts, ...nothingSaid, error: absolute.error }
  const inverse = direction === 'lower'
  const relative = sequentialTest(control, treatment, options)
  const fixed = welchTest(control, treatment, { alpha: test.statistics.alpha })
  const differenceType = relative.error ? 'absolute' : 'relative'
  const { chanceToWin, riskControl, riskTreatment } = posteriorOfEffect(control, treatment, { differenceType, inverse })
  const better = inverse ? absolute.ciUpper < 0 : absolute.ciLower > 0
  const worse = inverse ? absolute.ciLower > 0 : absolute.ciUpper < 0
  return {
    ...facts,
    lift: relative.error
      ? null
      : { estimate: fixed.expected, interval: intervalOf(fixed), alwaysValid: intervalOf(relative), pValue: fixed.pValue },
    difference: { estimate: absolute.expected, alwaysValid: intervalOf(absolute), alwaysValidPValue: absolute.pValue },
    chanceToWin,
    expectedLoss: { control: riskControl, variant: riskTreatment },
    verdict: better ? 'better' : worse ? 'worse' : 'open',
    error: null,
  }
}
const intervalOf = ({ ciLower, ciUpper }: { ciLower: number; ciUpper: number }): Interval => ({ lower: ciLower, upper: ciUpper })

/** Non-inferiority by two one-sided sequences, at a level that holds for all guardrails and variants together. */
function guardrailsOf(test: Plan, read: Reader): GuardrailState[] {
  const treatments = test.variants.slice(1)
  const alpha = test.statistics.alpha / Math.max(1, test.guardrails.length * treatments.length)
  const tuning = { alpha: Math.min(alpha, 0.25), expectedSampleSize: test.statistics.expectedSampleSize }
  return test.guardrails.flatMap(({ metric, direction, maxRegression }) =>
    treatments.map(({ key: variant }): GuardrailState => {
      const facts = { variant, metric, direction, maxRegression }
      const { control, treatment } = read.pair(variant, metric)
      const { effect } = effectBetween(control, treatment, 'relative')
      const early = Math.min(unitsOf(control), unitsOf(treatment)) < fewestForGuardrail
      if (!effect)
        return {
          ...facts,
          regression: null,
          lower: null,
          upper: null,
          state: early ? 'open' : besideNothing(control, treatment, direction, tuning),
        }
      const regression = direction === 'lower' ? effect.estimate : -effect.estimate
      const [lower] = oneSidedInterval({ ...effect, estimate: regression }, tuning, 1)
      const [, upper] = oneSidedInterval({ ...effect, estimate: regression }, tuning, -1)
      const state = early ? 'open' : lower > maxRegression ? 'crossed' : upper <= maxRegression ? 'holds' : 'open'
      return { ...facts, regression, lower, upper, state }
    }),
  )
}
const unitsOf = (statistic: Statistic): number => statistic.n

/** Nothing is relative to a control of 0: then whatever is worse for sure is worse than allowed. */
function besideNothing(control: Statistic, treatment: Statistic, direction: Aim['direction'], tuning: Tuning): GuardrailState['state'] {
  const { effect } = effectBetween(control, treatment, 'absolute')
  if (!effect) return 'open'
  const [lower] = oneSidedInterval({ ...effect, estimate: direction === 'lower' ? effect.estimate : -effect.estimate }, tuning, 1)
  return lower > 0 ? 'crossed' : 'open'
}

/** Units by their first exposure: in each phase they are shared out by its weights, whoever comes back later. */
function ratioOf({ variants, phases }: Plan, { exposed }: Figures): RatioCheck {
  const counted = phases.map(({ n, weights }) => ({
    phase: n,
    weights,
    units: variants.map(({ key }) => exposed.find((one) => one.phase === n && one.variant === key)?.units ?? 0),
  }))
  const periods = counted.map(({ units, weights }) => ({ users: units, weights }))
  return {
    ...sampleRatio(periods),
    phases: counted.map(({ phase, weights, units }, i) => {
      const total = weights.reduce((sum, w) => sum + w, 0) || 1
      return { phase, expected: weights.map((w) => w / total), units, pValue: sampleRatio([periods[i]!]).pValue }
    }),
  }
}

/** An arm as bandits see it: units, mean and variance, phases taken by themselves. */
export type ArmEstimate = Readonly<{ units: number; mean: number; variance: number }>

/** Each arm's estimate of the primary metric, over the phases in which all that have any units have some. */
export function armsOf(test: Plan, figures: Figures): ArmEstimate[] {
  const { strata } = reader(test, figures)
  const { primary, quantile } = test.metric
  const estimates = test.variants.map(({ key }) => estimatesOf(strata(key, primary), quantile))
  const alive = estimates.filter((arm) => arm.some(({ units }) => units > 0))
  const statistics = standardised(primary, alive)
  return estimates.map((arm) => {
    const statistic = statistics[alive.indexOf(arm)]
    if (!statistic || statistic.n === 0) return { units: 0, mean: 0, variance: 0 }
    return { units: statistic.n, mean: meanOf(statistic), variance: varianceOf(statistic) }
  })
}

/** Which arms have ever been given a part of the traffic: nothing can be told of the others, and nothing waits for them. */
export const everServed = ({ variants, phases }: Pick<Plan, 'variants' | 'phases'>): boolean[] =>
  variants.map((_, i) => phases.some(({ weights }) => (weights[i] ?? 0) > 0))

/** By variant, in their order: the chance that it is the best in the primary metric of all that were served; null while one of them says nothing. */
export function chancesToBeBest(test: Plan, figures: Figures): readonly (number | null)[] {
  const served = everServed(test)
  const arms = armsOf(test, figures)
    .filter((_, i) => served[i])
    .map(({ units, mean, variance }) => ({ mean, stddev: units > 0 ? Math.sqrt(variance / units) : 0 }))
  if (arms.length === 0 || arms.some(({ stddev }) => stddev === 0)) return served.map(() => null)
  const chances = gaussianRanks(arms, test.metric.direction === 'lower' ? 'min' : 'max').best.values()
  return served.map((is) => (is ? chances.next().value! : null))
}
