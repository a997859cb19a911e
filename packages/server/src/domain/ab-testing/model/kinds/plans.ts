import { type Static, Type } from 'typebox'
import { Strict } from '../../../../core/schemas.ts'
import { unusable } from '../failures.ts'
import { type Baseline, type Design, minimumRelativeEffect, powerOfRelative, sampleSizeOfProportions } from '../planning.ts'
import { byType } from '../schemas.ts'
import { Alpha, Figure, type Kind, kind, Power, Sides } from './kind.ts'

const effectSize = Type.Optional(
  Type.Number({ minimum: -1e6, maximum: 1e6, description: 'Relative effect: 0.05 is five per cent more, −0.05 less' }),
)
const Mean = Strict({
  type: Type.Literal('mean'),
  mean: Figure('Mean today'),
  standardDeviation: Type.Number({ minimum: 0, maximum: 1e30, description: 'Standard deviation per unit' }),
  effectSize,
})
const conversionRate = Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description: 'Rate of success today' })
const Rate = <T extends string>(type: T) => Strict({ type: Type.Literal(type), conversionRate, effectSize })
type Metric = Static<typeof Mean> | { type: 'proportion' | 'binomial'; conversionRate: number; effectSize?: number }
const Metric = byType<Metric>({ mean: Mean, proportion: Rate('proportion'), binomial: Rate('binomial') }, 'The metric as it is today')

const Options = Strict(
  {
    nTotal: Type.Number({ exclusiveMinimum: 0, maximum: 1e15, description: 'Units of all arms together' }),
    nVariations: Type.Integer({ minimum: 2, maximum: 1000, description: 'Arms, the control included' }),
    alpha: Type.Optional(Alpha),
    power: Type.Optional(Power),
    sides: Type.Optional(Sides),
    sequential: Type.Optional(
      Type.Unsafe<boolean | number>({
        type: ['boolean', 'number'],
        exclusiveMinimum: 0,
        maximum: 1e15,
        description: 'Always-valid; a number is taken for tuningParameter',
      }),
    ),
    tuningParameter: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1e15, description: 'N*, where it is always-valid; 5000 unless told' }),
    ),
  },
  { description: 'The design of the test' },
)
const PlanInputs = Strict({ metric: Metric, options: Options })
type Plan = Static<typeof PlanInputs>

function designOf({ alpha = 0.05, sides = 2, sequential = false, tuningParameter = 5000 }: Plan['options']): Design {
  if (sequential === false) return { alpha, sides }
  if (sides === 1 && alpha >= 0.5)
    throw unusable('/inputs/options/alpha', 'A one-sided sequence has a level below 0.5. Take a smaller one.')
  return { alpha, sides, expectedSampleSize: sequential === true ? tuningParameter : sequential }
}

function baselineOf(metric: Metric): Baseline {
  if (metric.type !== 'mean') return { mean: metric.conversionRate, variance: metric.conversionRate * (1 - metric.conversionRate) }
  if (metric.mean === 0)
    throw unusable('/inputs/metric/mean', 'Nothing is relative to a mean of 0. Shift the metric, or plan by the absolute effect.')
  if (metric.standardDeviation === 0)
    throw unusable('/inputs/metric/standardDeviation', 'A metric that does not vary needs no test. Give its standard deviation.')
  return { mean: metric.mean, variance: metric.standardDeviation ** 2 }
}

const power = kind(PlanInputs, ({ metric, options }) => {
  const { effectSize } = metric
  if (effectSize === undefined)
    throw unusable('/inputs/metric/effectSize', 'Power is that of finding an effect. Say which: 0.05 is five per cent.')
  return { power: powerOfRelative(baselineOf(metric), effectSize, options.nTotal / options.nVariations, designOf(options)) }
})

const mde = kind(PlanInputs, ({ metric, options }) => {
  const { power = 0.8, alpha = 0.05 } = options
  if (power <= alpha) throw unusable('/inputs/options/power', `A power of ${power} is not above the level ${alpha}. Ask for more.`)
  const direction = (metric.effectSize ?? 0) < 0 ? 'decrease' : 'increase'
  const effect = minimumRelativeEffect(baselineOf(metric), options.nTotal / options.nVariations, power, designOf(options), direction)
  if (effect === null)
    throw unusable('/inputs/options/nTotal', 'So few units would not find an effect of any size. Take more units, or fewer arms.')
  return { mde: effect }
})

const Proportion = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })
const sampleSize = kind(
  Strict({
    p1: Proportion('Rate of the control'),
    p2: Proportion('Rate that is to be found'),
    alpha: Type.Optional(Alpha),
    power: Type.Optional(Power),
    sides: Type.Optional(Sides),
  }),
  ({ p1, p2, alpha = 0.05, power = 0.8, sides = 2 }) => {
    if (p1 === p2) throw unusable('/inputs/p2', 'No number of units finds a difference of 0. Say which difference matters.')
    return sampleSizeOfProportions(p1, p2, { alpha, power, sides })
  },
)

/** Before a test: what it can find, and what it takes. */
export const plans: Readonly<Record<string, Kind>> = { power, mde, 'sample-size-proportion': sampleSize }
