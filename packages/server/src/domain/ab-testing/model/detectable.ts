import { type Static, Type } from 'typebox'
import { Strict } from '../../../core/schemas.ts'
import type { Experiment } from './experiment.ts'
import { minimumRelativeEffect } from './planning.ts'
import { type Bin, type Estimate, estimatesOf, noSums } from './summaries.ts'

const power = 0.8

export const DetectableEffect = Strict(
  {
    relative: Type.Number({
      description: 'The smallest change of the primary metric for the better, as a part of it, that is found with a power of 0.8',
    }),
    absolute: Type.Number({ description: 'The same in the unit of the metric' }),
    baseline: Type.Number({ description: 'Its mean, or its quantile, in the uses of the control’s prompt' }),
    perVariant: Type.Integer({ minimum: 1, description: 'What the smallest arm would have had of that traffic' }),
    days: Type.Integer({ minimum: 1, description: 'Over so many days until now' }),
  },
  { $id: 'DetectableEffect' },
)
export type DetectableEffect = Static<typeof DetectableEffect>

/** What uses of a prompt showed of a metric in the `days` before now, in the units of results; the lowest bins first, none of rates. */
export type Traffic = Readonly<{ uses: number; mean: number; variance: number; bins: readonly Bin[]; days: number }>

/**
 * What a test would find in the traffic that its control's prompt had, with each use as a unit.
 * @param traffic uses that told the primary metric; its mean and variance, in the unit of results
 * @returns null where nothing can be said: no traffic, too little of it for a quantile, a metric without variance, or too little for any effect
 */
export function detectable(
  { metric, variants, coverage, holdout, statistics: { alpha, expectedSampleSize } }: Experiment,
  { days, ...traffic }: Traffic,
): DetectableEffect | null {
  const {
    units: uses,
    mean,
    variance,
  } = metric.quantile === undefined ? { ...traffic, units: traffic.uses } : ofQuantile(traffic, metric.quantile)
  const smallest = Math.min(...variants.map(({ weight }) => weight).filter((weight) => weight > 0))
  const perVariant = Math.floor(uses * coverage * (1 - holdout) * smallest)
  if (perVariant < 1 || mean <= 0 || variance <= 0) return null
  const design = { alpha: alpha / (variants.length - 1), sides: 2, expectedSampleSize } as const
  const direction = metric.direction === 'lower' ? 'decrease' : 'increase'
  const relative = minimumRelativeEffect({ mean, variance }, perVariant, power, design, direction)
  return relative === null ? null : { relative, absolute: relative * mean, baseline: mean, perVariant, days }
}

const ofQuantile = ({ uses, bins }: Omit<Traffic, 'days'>, quantile: number): Estimate =>
  estimatesOf([{ sums: { ...noSums, units: uses }, bins }], quantile)[0]!
