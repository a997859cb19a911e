import { Type } from 'typebox'
import { Nullable, Strict } from '../../../../core/schemas.ts'
import { unusable } from '../failures.ts'
import { msprt } from '../msprt.ts'
import { adjustedInterval, benjaminiHochberg, holm } from '../multiplicity.ts'
import { sampleRatio } from '../sample-ratio.ts'
import { singleMeanSequence } from '../sequential.ts'
import { Alpha, Figure, type Kind, kind, NotNegative, Units } from './kind.ts'

const Probability = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })
const PValues = Strict({ pValues: Type.Array(Probability('p of one test'), { maxItems: 10_000, description: 'Up to 10,000' }) })

const Split = Strict({
  users: Type.Array(Units('Units that fell on the arm'), { minItems: 1, maxItems: 1000, description: 'By arm, up to 1,000' }),
  weights: Type.Array(NotNegative('Weight of the arm, in any unit'), {
    minItems: 1,
    maxItems: 1000,
    description: 'By arm, in the same order; arms with weight 0 take no part',
  }),
})
const srm = kind(Split, (period) => {
  const { users, weights } = period
  if (users.length !== weights.length)
    throw unusable('/inputs/weights', `There are ${users.length} arms and ${weights.length} weights. Give one weight for each arm.`)
  if (!weights.some((weight) => weight > 0)) throw unusable('/inputs/weights', 'No arm has a weight. Give at least one that is above 0.')
  return { pValue: sampleRatio([period]).pValue }
})

const MsprtArm = (description: string) =>
  Strict(
    {
      mean: Figure('Mean per unit'),
      variance: NotNegative('Variance per unit'),
      n: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'Units' }),
    },
    { description },
  )
const mixture = kind(
  Strict({ treatment: MsprtArm('The arm compared'), control: MsprtArm('The arm compared to'), alpha: Type.Optional(Alpha) }),
  ({ treatment, control, alpha = 0.05 }) => {
    if (treatment.variance + control.variance === 0)
      throw unusable(
        '/inputs/treatment/variance',
        'Neither arm varies, so there is nothing to judge the difference by. Wait for more outcomes.',
      )
    return msprt(treatment, control, alpha)
  },
)

const singleMean = kind(
  Strict({
    n: Units('Units'),
    variance: NotNegative('Variance per unit'),
    alpha: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 0.5, description: 'Level, at most 0.5; 0.05 unless told' })),
    rho: Type.Optional(
      Nullable(Type.Number({ exclusiveMinimum: 0, maximum: 1e6 }), { description: 'Where it is narrow; at 100 units unless told' }),
    ),
  }),
  ({ n, variance, alpha = 0.05, rho }) => singleMeanSequence({ n, variance, alpha, ...(typeof rho === 'number' && { rho }) }),
)

/** Several arms or tests at once, and sequences. */
export const families: Readonly<Record<string, Kind>> = {
  srm,
  'holm-bonferroni': kind(PValues, ({ pValues }) => ({ adjustedInInputOrder: holm(pValues) })),
  'benjamini-hochberg': kind(PValues, ({ pValues }) => ({ adjustedInInputOrder: benjaminiHochberg(pValues) })),
  'adjusted-ci': kind(
    Strict({ adjustedPValue: Probability('p after the correction'), lift: Figure('The effect'), alpha: Type.Optional(Alpha) }),
    ({ adjustedPValue, lift, alpha = 0.05 }) => adjustedInterval(adjustedPValue, lift, alpha),
  ),
  'msprt-statsig': mixture,
  'asymptotic-confidence-sequence-single-mean': singleMean,
}
