import betaQuantile from '@stdlib/stats-base-dists-beta-quantile'

/** Successes of a number of uses. */
export type Rate = Readonly<{ successes: number; uses: number }>
/** A Beta distribution of success rates. `groups`: how many it was made of; 0: nothing is known, all rates are alike. */
export type Prior = Readonly<{ alpha: number; beta: number; groups: number }>

export const uniformPrior: Prior = { alpha: 1, beta: 1, groups: 0 }
const fewestGroups = 3
/** How many uses a prior may stand for. */
const [weakest, strongest] = [2, 1_000]

/**
 * The distribution that rates of a family come from, by moments (Kleinman: Proportions with Extraneous Variance, JASA 1973;
 * empirical Bayes: Efron, Morris, JASA 1975): their mean, and as many uses as their spread beyond chance says.
 * @returns undefined for fewer than 3 rates
 */
export function priorOf(rates: readonly Rate[]): Prior | undefined {
  const known = rates.filter(({ uses }) => uses > 0)
  if (known.length < fewestGroups) return undefined
  const total = known.reduce((sum, { uses }) => sum + uses, 0)
  const successes = known.reduce((sum, one) => sum + one.successes, 0)
  const mean = (successes + 0.5) / (total + 1)
  const chance = mean * (1 - mean)
  const spread = known.reduce((sum, one) => sum + one.uses * (one.successes / one.uses - mean) ** 2, 0)
  const squares = known.reduce((sum, { uses }) => sum + uses * uses, 0)
  const free = known.length - 1
  const room = total - squares / total - free
  const correlation = room > 0 ? (spread / chance - free) / room : 0
  const strength = correlation <= 0 ? strongest : Math.min(strongest, Math.max(weakest, 1 / correlation - 1))
  return { alpha: mean * strength, beta: (1 - mean) * strength, groups: known.length }
}

/** A success rate with its 95 % interval (equal tails), of the Beta distribution that a prior and what was measured make. */
export function posterior({ alpha, beta }: Prior, { successes, uses }: Rate): { rate: number; low: number; high: number } {
  const [a, b] = [alpha + successes, beta + uses - successes]
  return { rate: a / (a + b), low: betaQuantile(0.025, a, b), high: betaQuantile(0.975, a, b) }
}
