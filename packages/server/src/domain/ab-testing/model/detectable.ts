import { type Static, Type } from 'typebox'
import { Strict } from '../../../core/schemas.ts'
import type { Experiment } from './experiment.ts'
import { minimumRelativeEffect } from './planning.ts'

const power = 0.8

export const DetectableEffect = Strict(
  {
    relative: Type.Number({
      description: 'The smallest change of the rate of success, as a part of it, that is found with a power of 0.8',
    }),
    absolute: Type.Number({ description: 'The same as a difference of rates' }),
    baseline: Type.Number({ description: 'The rate of success of the control’s prompt' }),
    perVariant: Type.Integer({ minimum: 1, description: 'What the smallest arm would have had of that traffic' }),
    days: Type.Integer({ minimum: 1, description: 'Over so many days until now' }),
  },
  { $id: 'DetectableEffect' },
)
export type DetectableEffect = Static<typeof DetectableEffect>

/**
 * What a test would find in the traffic that its control's prompt had, with each use as a unit. Of success alone, whose
 * variance follows from its rate.
 * @returns null where nothing can be said: another metric, no traffic, no successes or nothing else, or too little for any effect
 */
export function detectable(
  { metric, variants, coverage, holdout, statistics: { alpha, expectedSampleSize } }: Experiment,
  { requests, successes, days }: Readonly<{ requests: number; successes: number; days: number }>,
): DetectableEffect | null {
  const smallest = Math.min(...variants.map(({ weight }) => weight).filter((weight) => weight > 0))
  const perVariant = Math.floor(requests * coverage * (1 - holdout) * smallest)
  if (metric.primary !== 'success' || perVariant < 1 || successes === 0 || successes === requests) return null
  const mean = successes / requests
  const design = { alpha: alpha / (variants.length - 1), sides: 2, expectedSampleSize } as const
  const relative = minimumRelativeEffect({ mean, variance: mean * (1 - mean) }, perVariant, power, design)
  return relative === null ? null : { relative, absolute: relative * mean, baseline: mean, perVariant, days }
}
