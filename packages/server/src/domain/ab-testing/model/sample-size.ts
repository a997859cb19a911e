import { type Static, Type } from 'typebox'
import { Nullable, Strict } from '../../../core/schemas.ts'
import { unusable } from './failures.ts'
import { assertPlausible } from './kinds/comparisons.ts'
import { Alpha, Figure, Power, Sides } from './kinds/kind.ts'
import { saysNothing, unadjustedMeanOf, varianceOf, withTheta } from './moments.ts'
import { type Design, powerAt, unitsPerArm } from './planning.ts'
import { byType } from './schemas.ts'
import { type Cuped, CupedStatistic, type Quantile, QuantileStatistic, type Ratio, RatioStatistic } from './statistics.ts'

const Rate = Strict({
  type: Type.Literal('proportion'),
  rate: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description: 'Rate of success today' }),
})
const Mean = Strict({
  type: Type.Literal('mean'),
  mean: Figure('Mean per unit today'),
  standardDeviation: Type.Number({ exclusiveMinimum: 0, maximum: 1e15, description: 'Standard deviation per unit' }),
})
const sampled = { ratio: RatioStatistic, cuped: CupedStatistic, quantile: QuantileStatistic }
type Sampled = Ratio | Cuped | Quantile
type Today = Static<typeof Rate> | Static<typeof Mean> | Sampled

export const Plan = Strict({
  metric: byType<Today>(
    { proportion: Rate, mean: Mean, ...sampled },
    'The metric as it is today; others than rates and means as a sample shows them',
  ),
  minimumEffect: Type.Number({
    minimum: -1e15,
    maximum: 1e15,
    description: 'The smallest change that matters, negative for a decrease; not 0',
  }),
  differenceType: Type.Optional(
    Type.Enum(['relative', 'absolute'], { description: 'Whether that is a part of the metric or in its unit; relative unless told' }),
  ),
  alpha: Type.Optional(Alpha),
  power: Type.Optional(Power),
  sides: Type.Optional(Sides),
  variants: Type.Optional(Type.Integer({ minimum: 2, maximum: 10, description: 'Arms, the control included; 2 unless told' })),
  sequential: Type.Optional(Type.Boolean({ description: 'Always-valid, as tests are that end by themselves; true unless told' })),
  expectedSampleSize: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: 1e12,
      description: 'N* of an always-valid test, both arms together; the planned size unless told',
    }),
  ),
  unitsPerDay: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1e12, description: 'Units that the whole test gets in a day' })),
})
export type Plan = Static<typeof Plan>

const Count = (description: string) => Type.Integer({ minimum: 1, description })
export const Planned = Strict(
  {
    perVariant: Count('Units that every arm needs'),
    total: Count('Units of all arms'),
    power: Type.Number({ description: 'With so many units' }),
    alphaPerComparison: Type.Number({ description: 'Level of each arm against the control: alpha by the number of comparisons' }),
    minimumEffect: Strict(
      { relative: Nullable(Type.Number()), absolute: Type.Number() },
      { description: 'In both units; relative to 0: null' },
    ),
    expectedSampleSize: Nullable(Type.Number(), { description: 'N* to set before the start; null with one look' }),
    days: Nullable(Type.Integer(), { description: 'With `unitsPerDay`; null without' }),
  },
  { $id: 'SampleSize' },
)

/**
 * How many units a test needs to find an effect as an absolute difference. Without a given N* the sequence is narrowest at
 * the planned size itself. @throws FiguresUnusable (422)
 */
export function planSampleSize(plan: Plan): Static<typeof Planned> {
  const { alpha = 0.05, power = 0.8, sides = 2, variants = 2, sequential = true } = plan
  const { baseline, effect, variances } = effectOf(plan)
  const alphaPerComparison = alpha / (variants - 1)
  if (power <= alphaPerComparison) throw unusable('/power', `A power of ${power} is not above the level of the test. Ask for more.`)
  if (sequential && sides === 1 && alphaPerComparison >= 0.5) throw unusable('/alpha', 'A one-sided sequence has a level below 0.5.')
  const designAt = (perArm: number): Design => ({
    alpha: alphaPerComparison,
    sides,
    ...(sequential && { expectedSampleSize: plan.expectedSampleSize ?? 2 * perArm }),
  })
  const perVariant = unitsPerArm(effect, variances, power, designAt)
  if (perVariant === null)
    throw unusable('/minimumEffect', 'More than 10¹² units would be needed to find so small an effect. Look for a larger one.')
  const design = designAt(perVariant)
  const se = Math.sqrt((variances[0] + variances[1]) / perVariant)
  return {
    perVariant,
    total: perVariant * variants,
    power: powerAt(Math.abs(effect), se, design, 2 * perVariant),
    alphaPerComparison,
    minimumEffect: { relative: baseline === 0 ? null : effect / Math.abs(baseline), absolute: effect },
    expectedSampleSize: design.expectedSampleSize ?? null,
    days: plan.unitsPerDay === undefined ? null : Math.ceil((perVariant * variants) / plan.unitsPerDay),
  }
}

/** The effect in the metric's own unit, and the variances of control and treatment. */
function effectOf({ metric, minimumEffect, differenceType = 'relative' }: Plan) {
  const { baseline, variance } = todayOf(metric)
  if (minimumEffect === 0) throw unusable('/minimumEffect', 'No number of units finds an effect of 0. Say which one matters.')
  if (differenceType === 'relative' && baseline === 0)
    throw unusable('/metric/mean', 'Nothing is relative to a mean of 0. Plan by the absolute effect.')
  const effect = differenceType === 'relative' ? minimumEffect * Math.abs(baseline) : minimumEffect
  if (metric.type !== 'proportion') return { baseline, effect, variances: [variance, variance] as const }
  const rate = baseline + effect
  if (rate < 0 || rate > 1) throw unusable('/minimumEffect', `A rate of ${baseline} cannot change to ${rate}. Look for a smaller effect.`)
  return { baseline, effect, variances: [variance, rate * (1 - rate)] as const }
}

/** The metric as it is today, and the variance of one unit. */
function todayOf(metric: Today): { baseline: number; variance: number } {
  if (metric.type === 'mean') return { baseline: metric.mean, variance: metric.standardDeviation ** 2 }
  if (metric.type === 'proportion') return { baseline: metric.rate, variance: metric.rate * (1 - metric.rate) }
  assertPlausible(metric, '/metric')
  const [own] = withTheta(metric, metric)
  if (saysNothing(own)) throw unusable('/metric', 'The sample does not vary, or has too few units. Give one of more units.')
  return { baseline: unadjustedMeanOf(own), variance: varianceOf(own) }
}
