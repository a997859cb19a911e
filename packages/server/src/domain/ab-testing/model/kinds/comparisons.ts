import { type Static, Type } from 'typebox'
import { Nullable, Strict } from '../../../../core/schemas.ts'
import { deltaVariance } from '../effect.ts'
import { unusable } from '../failures.ts'
import { sequentialTest, welchTest } from '../frequentist.ts'
import { pooledTheta, withTheta } from '../moments.ts'
import { posteriorOfEffect, risks } from '../posterior.ts'
import { byType } from '../schemas.ts'
import { CupedStatistic, QuantileStatistic, type Statistic, summable } from '../statistics.ts'
import { Alpha, Figure, Inverse, type Kind, kind, NotNegative, Sides, Units } from './kind.ts'

const DifferenceType = Type.Enum(['relative', 'absolute'], {
  description: 'Of what the effect is told: (m_T − m_C)/|m_C|, or m_T − m_C; relative unless told',
})
const both = {
  alpha: Type.Optional(Alpha),
  differenceType: Type.Optional(DifferenceType),
  cuped: Type.Optional(Type.Boolean({ description: 'Said by the statistics as well' })),
}

const TestOptions = Strict(
  {
    ...both,
    sides: Type.Optional(Sides),
    alternative: Type.Optional(
      Type.Enum(['treatment-greater', 'treatment-lesser'], { description: 'Which side, of a one-sided test; greater unless told' }),
    ),
    testValue: Type.Optional(Figure('Effect under the null hypothesis; 0 unless told')),
    sequential: Type.Optional(Type.Boolean({ description: 'Always-valid; said by the kind as well' })),
    tuningParameter: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1e15, description: 'N*: units at which the sequence is narrowest; 5000 unless told' }),
    ),
  },
  { description: 'How to test' },
)
const PriorOfEffect = Strict({
  mean: Figure('Expected effect'),
  variance: Type.Number({ exclusiveMinimum: 0, maximum: 1e30, description: 'Variance of the expectation' }),
  proper: Type.Optional(Type.Boolean({ description: 'false: the prior is left aside' })),
  scale: Type.Optional(
    Type.String({ maxLength: 200, description: 'Begins with relative or absolute: of which effect; relative unless told' }),
  ),
})
const PosteriorOptions = Strict(
  {
    ...both,
    prior: Type.Optional(Nullable(PriorOfEffect, { description: 'What is believed beforehand; null: nothing' })),
    inverse: Type.Optional(Inverse),
  },
  { description: 'How to judge' },
)

const Arm = (description: string) => byType<Statistic>(summable, description)
const arms = { control: Arm('The arm compared to'), treatment: Arm('The arm compared') }

/** What a schema cannot say of two arms. @throws FiguresUnusable (422) */
function assertComparable({ control, treatment }: Readonly<{ control: Statistic; treatment: Statistic }>): void {
  assertPlausible(control, '/inputs/control')
  assertPlausible(treatment, '/inputs/treatment')
  const isCuped = [control, treatment].filter(({ type }) => type === 'cuped').length
  if (isCuped === 1)
    throw unusable('/inputs/treatment/type', 'One arm is adjusted by CUPED and the other is not. Give both in the same way.')
}

/** @throws FiguresUnusable (422) for figures that contradict themselves */
export function assertPlausible(s: Statistic, pointer: string): void {
  if (s.type === 'proportion' && s.sum > s.n)
    throw unusable(`${pointer}/sum`, `${s.sum} successes of ${s.n} units cannot be. Give the number of units that had a success.`)
  if (s.type === 'quantile' && s.lower > s.upper)
    throw unusable(`${pointer}/lower`, 'The lower end of the interval lies above its upper end. Exchange them.')
  if (s.type === 'cuped') {
    assertPlausible(s.post, `${pointer}/post`)
    assertPlausible(s.pre, `${pointer}/pre`)
  }
  if (s.type === 'ratio') {
    assertPlausible(s.numerator, `${pointer}/numerator`)
    assertPlausible(s.denominator, `${pointer}/denominator`)
  }
}

const Test = Strict({ ...arms, options: Type.Optional(TestOptions) })
const test = kind(Test, (inputs) => {
  assertComparable(inputs)
  const { control, treatment, options = {} } = inputs
  const run = options.sequential ? sequentialTest : welchTest
  return { ...run(control, treatment, options), ...thetaOf(control, treatment) }
})
const sequential = (sides: 1 | 2) =>
  kind(Test, (inputs) => {
    assertComparable(inputs)
    const { control, treatment, options = {} } = inputs
    return { ...sequentialTest(control, treatment, { ...options, sides: options.sides ?? sides }), ...thetaOf(control, treatment) }
  })

/** The coefficient that was used, where one was. */
function thetaOf(a: Statistic, b: Statistic): { theta?: number } {
  const [control] = withTheta(a, b)
  return control.type === 'cuped' ? { theta: control.theta ?? 0 } : {}
}

const posterior = kind(Strict({ ...arms, options: Type.Optional(PosteriorOptions) }), (inputs) => {
  assertComparable(inputs)
  return posteriorOfEffect(inputs.control, inputs.treatment, inputs.options)
})

const quantile = kind(
  Strict({ control: QuantileStatistic, treatment: QuantileStatistic, options: Type.Optional(PosteriorOptions) }),
  (inputs) => {
    assertComparable(inputs)
    return posteriorOfEffect(inputs.control, inputs.treatment, inputs.options)
  },
)

const theta = kind(
  Strict({ control: CupedStatistic, treatment: CupedStatistic, options: Type.Optional(TestOptions) }),
  ({ control, treatment }) => ({ theta: pooledTheta(control, treatment) }),
)

const DeltaInputs = Strict({
  varA: NotNegative('Variance per unit of the control'),
  meanA: Figure('Mean of the control'),
  nA: Units('Units of the control'),
  varB: NotNegative('Variance per unit of the treatment'),
  meanB: Figure('Mean of the treatment'),
  nB: Units('Units of the treatment'),
  relative: Type.Boolean({ description: 'Of the relative effect, or the absolute one' }),
})
function variance(inputs: Static<typeof DeltaInputs>): { variance: number } {
  for (const field of ['nA', 'nB'] as const)
    if (inputs[field] === 0) throw unusable(`/inputs/${field}`, 'An arm without units has no mean. Leave it out.')
  if (!inputs.relative) return { variance: inputs.varA / inputs.nA + inputs.varB / inputs.nB }
  if (inputs.meanA === 0) throw unusable('/inputs/meanA', 'Nothing is relative to a mean of 0. Ask for the absolute effect.')
  return { variance: deltaVariance(inputs) }
}

const LossInputs = Strict({
  posteriorMean: Figure('Mean of the effect'),
  posteriorStddev: NotNegative('Standard deviation of the effect'),
  inverse: Type.Optional(Inverse),
})

/** Two arms against each other. */
export const comparisons: Readonly<Record<string, Kind>> = {
  'frequentist-mean': test,
  'frequentist-proportion': test,
  'frequentist-ratio': test,
  'frequentist-cuped': test,
  sequential: sequential(2),
  'sequential-one-sided': sequential(1),
  'bayesian-mean': posterior,
  'bayesian-proportion': posterior,
  'bayesian-ratio': posterior,
  'bayesian-cuped': posterior,
  quantile,
  'cuped-theta': theta,
  'delta-variance': kind(DeltaInputs, variance),
  'expected-loss-normal': kind(LossInputs, ({ posteriorMean, posteriorStddev, inverse }) => risks(posteriorMean, posteriorStddev, inverse)),
}
