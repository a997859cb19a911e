import { Type } from 'typebox'
import { Strict } from '../../../../core/schemas.ts'
import { gaussianRanks, topTwoWeights } from '../best-arm.ts'
import { betaBest, betaPosterior, compareRates } from '../beta-binomial.ts'
import { unusable } from '../failures.ts'
import { type Arm, allocation, leaderOf, stopping } from '../track-and-stop.ts'
import { Alpha, Figure, type Kind, kind, NotNegative, Optimize, Units } from './kind.ts'

const mostArms = 20
const list = <T extends ReturnType<typeof Figure> | ReturnType<typeof Units>>(item: T) =>
  Type.Array(item, { minItems: 2, maxItems: mostArms, description: `By arm, 2 to ${mostArms}` })

/** @throws FiguresUnusable (422) unless all lists have one entry for each arm */
function assertSameArms(lists: Readonly<Record<string, readonly number[]>>): void {
  const [[first, { length }], ...others] = Object.entries(lists) as [[string, readonly number[]], ...[string, readonly number[]][]]
  for (const [name, values] of others)
    if (values.length !== length)
      throw unusable(`/inputs/${name}`, `There are ${length} ${first} and ${values.length} ${name}. Give one of each for every arm.`)
}

const gaussian = kind(
  Strict({
    means: list(Figure('Mean of the posterior')),
    stddevs: list(NotNegative('Standard deviation of the posterior')),
    optimize: Type.Optional(Optimize),
  }),
  ({ means, stddevs, optimize }) => {
    assertSameArms({ means, stddevs })
    const found = gaussianRanks(
      means.map((mean, i) => ({ mean, stddev: stddevs[i]! })),
      optimize,
    )
    return { probBest: found.best, topTwo: topTwoWeights(found) }
  },
)

const mostRates = 10 // of a billion units each: a fifth of a second
const PseudoCount = Type.Number({ minimum: 0.5, maximum: 1e9, description: 'Pseudo-count, from 0.5 (Jeffreys)' })
const most = 1e9
const betaBinomial = kind(
  Strict({
    prior: Type.Optional(
      Type.Array(PseudoCount, {
        minItems: 2,
        maxItems: 2,
        description: 'a and b of the Beta prior: successes and failures; [1, 1] unless told',
      }),
    ),
    arms: Type.Array(
      Strict({
        successes: Type.Integer({ minimum: 0, maximum: most, description: 'Successes, at most n' }),
        n: Type.Integer({ minimum: 0, maximum: most, description: 'Units' }),
      }),
      { minItems: 2, maxItems: mostRates, description: `2 to ${mostRates}, the first the control` },
    ),
    alpha: Type.Optional(Alpha),
    optimize: Type.Optional(Optimize),
  }),
  ({ prior = [1, 1], arms, alpha = 0.05, optimize }) => {
    for (const [i, { successes, n }] of arms.entries())
      if (successes > n) throw unusable(`/inputs/arms/${i}/successes`, `${successes} successes of ${n} units cannot be. Give at most n.`)
    const rates = arms.map((arm) => betaPosterior([prior[0]!, prior[1]!], arm))
    return rates.length === 2 ? compareRates(rates[0]!, rates[1]!, alpha, optimize) : { probBest: betaBest(rates, optimize) }
  },
)

const Epsilon = Type.Number({ minimum: 0, maximum: 1e30, description: 'Differences up to this do not matter; 0 unless told' })
const trackAndStop = kind(
  Strict({
    pulls: list(Units('Outcomes')),
    means: list(Figure('Mean')),
    variances: list(NotNegative('Variance per outcome')),
    epsilon: Type.Optional(Epsilon),
    minProb: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: "Every arm's least share; 0.000001 unless told" })),
    reg0: Type.Optional(Type.Number({ minimum: 0, maximum: 1e6, description: 'Pull towards equal shares; 0.01 unless told' })),
    optimize: Type.Optional(Optimize),
  }),
  ({ pulls, means, variances, epsilon = 0, minProb = 1e-6, reg0 = 0.01, optimize = 'max' }) => {
    assertSameArms({ pulls, means, variances })
    if (minProb * pulls.length > 1 + 1e-9)
      throw unusable('/inputs/minProb', `${pulls.length} arms cannot each have a share of ${minProb}. Take at most ${1 / pulls.length}.`)
    const arms = pulls.map((count, i) => ({ pulls: count, mean: means[i]!, variance: variances[i]! }))
    return { weights: allocation(arms, { epsilon, minProb: Math.min(minProb, 1 / arms.length), reg0, optimize }) }
  },
)

const Pulled = (description: string) =>
  Strict({ pulls: Units('Outcomes'), mean: Figure('Mean'), variance: NotNegative('Variance per outcome') }, { description })
const stopRule = kind(
  Strict({
    leader: Pulled('The arm with the best mean'),
    challenger: Pulled('Another arm'),
    epsilon: Type.Optional(Epsilon),
    delta: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description: 'Probability to be wrong; 0.05 unless told' }),
    ),
    optimize: Type.Optional(Optimize),
  }),
  ({ leader, challenger, epsilon = 0, delta = 0.05, optimize = 'max' }) => {
    const arms: readonly Arm[] = [leader, challenger]
    if (leader.mean !== challenger.mean && leaderOf(arms, optimize) === 1)
      throw unusable('/inputs/leader/mean', 'The challenger has the better mean, so it is the leader. Exchange them.')
    return stopping(leader, [challenger], { epsilon, optimize }, delta)
  },
)

/** Who gets how much traffic, and when it is over. */
export const bandits: Readonly<Record<string, Kind>> = {
  'gaussian-best-arm': gaussian,
  'beta-binomial': betaBinomial,
  'track-and-stop-allocation': trackAndStop,
  'track-and-stop-stopping': stopRule,
}
