import { chiSquareUpperTail } from './distributions.ts'

/** How units fell on the arms while the weights stayed as they were. */
export type Period = Readonly<{ users: readonly number[]; weights: readonly number[] }>

export type SampleRatio = Readonly<{
  /** P(a split at least as far from the expected one), in [0, 1]. */
  pValue: number
  /** p < 0.001, once every expected count is 5 or more: before that χ² does not hold. */
  alarm: boolean
}>

/** Below this p the split is not what it should be, and no result of the test can be believed. */
const alarming = 0.001

/**
 * χ² over the arms with weight > 0, each period against its own weights; p is the upper tail. An arm without weight has
 * no expected count: it takes no part, and does not count for the degrees of freedom.
 * @param periods units (≥ 0) and weights (≥ 0, in any unit) by arm, both in the same order
 */
export function sampleRatio(periods: readonly Period[]): SampleRatio {
  let [statistic, df, smallest] = [0, 0, Number.POSITIVE_INFINITY]
  for (const { users, weights } of periods) {
    const arms = users.map((observed, i) => ({ observed, weight: weights[i] ?? 0 })).filter(({ weight }) => weight > 0)
    const [total, totalWeight] = [sum(arms.map(({ observed }) => observed)), sum(arms.map(({ weight }) => weight))]
    if (total === 0 || arms.length < 2) continue
    for (const { observed, weight } of arms) {
      const expected = (weight / totalWeight) * total
      statistic += (observed - expected) ** 2 / expected
      smallest = Math.min(smallest, expected)
    }
    df += arms.length - 1
  }
  const pValue = df === 0 ? 1 : chiSquareUpperTail(statistic, df)
  return { pValue, alarm: pValue < alarming && smallest >= 5 }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
