import { type Static, Type } from 'typebox'
import { Nullable, Strict } from '../../../core/schemas.ts'
import { byType } from './schemas.ts'

/** Sums beyond this are not of this world, and their fourth powers would leave the range of a double. */
const largest = 1e30
const N = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Units (people, conversations) of the arm' })
const Sum = Type.Number({ minimum: -largest, maximum: largest, description: 'Sum of the values' })
const Product = (description: string) => Type.Number({ minimum: -(largest ** 2), maximum: largest ** 2, description })
const SumSquares = Product('Sum of the squares of the values')

export const MeanStatistic = Strict(
  { type: Type.Literal('mean'), n: N, sum: Sum, sumSquares: SumSquares },
  { description: 'A value per unit, such as latency or cost' },
)
export const ProportionStatistic = Strict(
  { type: Type.Literal('proportion'), n: N, sum: Type.Number({ minimum: 0, maximum: largest, description: 'Successes, at most n' }) },
  { description: 'Success or not per unit' },
)
const simple = { mean: MeanStatistic, proportion: ProportionStatistic }
/** One value, or one success or not, per unit. */
export type Simple = Static<typeof MeanStatistic> | Static<typeof ProportionStatistic>
const SimpleStatistic = (description: string) => byType<Simple>(simple, description)

export const RatioStatistic = Strict(
  {
    type: Type.Literal('ratio'),
    n: N,
    numerator: SimpleStatistic('Per unit the numerator, such as successes'),
    denominator: SimpleStatistic('Per unit the denominator, such as requests'),
    sumOfProducts: Product('Sum over the units of numerator × denominator'),
  },
  { description: 'A ratio of sums, randomised by unit and measured per request' },
)
export const CupedStatistic = Strict(
  {
    type: Type.Literal('cuped'),
    n: N,
    post: SimpleStatistic('The metric during the test'),
    pre: SimpleStatistic("The same units' metric before it"),
    postPreSumOfProducts: Product('Sum over the units of during × before'),
    theta: Type.Optional(Nullable(Sum, { description: 'Coefficient; without it estimated from both arms' })),
  },
  { description: "A value adjusted by the unit's earlier one (CUPED)" },
)
export const QuantileStatistic = Strict(
  {
    type: Type.Literal('quantile'),
    n: N,
    nStar: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Units that lower and upper were taken for; n without it',
      }),
    ),
    nu: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description: 'Which quantile: 0.95 is p95' }),
    hat: Type.Number({ minimum: -largest, maximum: largest, description: 'The quantile itself' }),
    lower: Type.Number({ minimum: -largest, maximum: largest, description: 'Order statistic at the lower end of its 95 % interval' }),
    upper: Type.Number({ minimum: -largest, maximum: largest, description: 'Order statistic at the upper end of its 95 % interval' }),
  },
  { description: 'A quantile, such as the 95th percentile of latency' },
)

export type Ratio = Static<typeof RatioStatistic>
export type Cuped = Static<typeof CupedStatistic>
export type Quantile = Static<typeof QuantileStatistic>
/** What an arm is summed up in: enough for every analysis, whatever the number of outcomes. */
export type Statistic = Simple | Ratio | Cuped | Quantile

export const summable = { ...simple, ratio: RatioStatistic, cuped: CupedStatistic }
