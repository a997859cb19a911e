/** Nodes and weights of Gauss–Legendre quadrature on [−1, 1]: roots of the Legendre polynomial, by Newton's method. */
function gaussLegendre(order: number): readonly (readonly [node: number, weight: number])[] {
  return Array.from({ length: order }, (_, i) => {
    let x = Math.cos((Math.PI * (i + 0.75)) / (order + 0.5))
    let derivative = 0
    for (let step = 0; step < 100; step++) {
      let [before, value] = [1, x]
      for (let k = 2; k <= order; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k]
      derivative = (order * (x * value - before)) / (x * x - 1)
      const change = value / derivative
      x -= change
      if (Math.abs(change) < 1e-16) break
    }
    return [x, 2 / ((1 - x * x) * derivative ** 2)] as const
  })
}
const rule = gaussLegendre(16)

/** A random value of one arm: its density, its distribution function, and where they bend. */
export type Distribution = Readonly<{ density(x: number): number; cdf(x: number): number; breaks: readonly number[] }>

export type Ranks = Readonly<{
  /** P(the arm has the highest value); sums to 1. */
  best: number[]
  /** P(it has the second highest). */
  second: number[]
}>

/**
 * Which of K independent values is the highest, and which the second: P(i best) = ∫ f_i ∏_{j≠i} F_j, and in the second's
 * exactly one F_j becomes 1 − F_j. Gauss–Legendre on panels between the points where any of the distributions bends, so
 * narrow ones are not missed. K values and densities per node, whatever is asked.
 */
export function ranks(arms: readonly Distribution[]): Ranks {
  const best = arms.map(() => 0)
  const second = arms.map(() => 0)
  const points = [...new Set(arms.flatMap(({ breaks }) => breaks))].sort((a, b) => a - b)
  for (const [i, from] of points.slice(0, -1).entries()) {
    const to = points[i + 1]!
    if (arms.every(({ cdf }) => cdf(to) - cdf(from) < 1e-15)) continue
    const half = (to - from) / 2
    for (const [node, weight] of rule) addNode(arms, (from + to) / 2 + half * node, half * weight, best, second)
  }
  return { best: shares(best), second: shares(second) }
}

/** Add one node to the integrals. Products over all others come from those before and those after. */
function addNode(arms: readonly Distribution[], x: number, weight: number, best: number[], second: number[]): void {
  const below = arms.map(({ cdf }) => cdf(x))
  const after = [{ none: 1, one: 0 }]
  for (const p of below.toReversed()) after.push(joined(after.at(-1)!, p))
  let before = { none: 1, one: 0 }
  for (const [i, { density }] of arms.entries()) {
    const rest = after[arms.length - 1 - i]!
    const f = density(x) * weight
    best[i]! += f * before.none * rest.none
    second[i]! += f * (before.one * rest.none + before.none * rest.one)
    before = joined(before, below[i]!)
  }
}

/** Of one more value, below x with probability p: P(none is above), P(exactly one is). */
const joined = ({ none, one }: Readonly<{ none: number; one: number }>, p: number) => ({ none: none * p, one: one * p + none * (1 - p) })

/** The last digits of the integrals do not add up to 1. */
function shares(values: readonly number[]): number[] {
  const total = values.reduce((sum, value) => sum + value, 0)
  return values.map((value) => value / total)
}
