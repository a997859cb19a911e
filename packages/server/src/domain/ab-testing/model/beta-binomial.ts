import type { Optimize } from './best-arm.ts'
import { betaCdf, betaPdf, betaQuantile, logBeta } from './distributions.ts'
import { type Distribution, ranks } from './quadrature.ts'

/** A rate: Beta(a, b), a and b from ½ (Jeffreys) on. */
export type Beta = Readonly<{ a: number; b: number }>

/** Beta prior and successes of n make Beta(a + successes, b + n − successes). */
export const betaPosterior = ([a, b]: readonly [number, number], { successes, n }: Readonly<{ successes: number; n: number }>): Beta => ({
  a: a + successes,
  b: b + n - successes,
})

/** Above this many terms of the closed form the quadrature is faster, and as exact. */
const mostTerms = 20_000

/**
 * P(B > A) of two rates. Closed form where a parameter is a whole number:
 * Σ_{i<a_B} B(a_A + i, b_A + b_B) / ((b_B + i) B(1 + i, b_B) B(a_A, b_A)), in logarithms, over the smallest of the four
 * parameters that is whole (the others by symmetry). Miller: Formulas for Bayesian A/B testing (2014). Else by quadrature.
 */
export function probabilityAbove(b: Beta, a: Beta): number {
  const mirrored = ({ a: x, b: y }: Beta): Beta => ({ a: y, b: x })
  const forms = [
    { terms: b.a, value: () => closedForm(a, b) },
    { terms: a.a, value: () => 1 - closedForm(b, a) },
    { terms: a.b, value: () => closedForm(mirrored(b), mirrored(a)) },
    { terms: b.b, value: () => 1 - closedForm(mirrored(a), mirrored(b)) },
  ].filter(({ terms }) => Number.isInteger(terms) && terms <= mostTerms)
  const shortest = forms.sort((x, y) => x.terms - y.terms)[0]
  return shortest ? shortest.value() : ranks([a, b].map(onArc)).best[1]!
}

/** P(B > A), b.a a whole number. Each term follows from the one before. */
function closedForm(a: Beta, b: Beta): number {
  const both = a.b + b.b
  let term = logBeta(a.a, both) - logBeta(a.a, a.b)
  let sum = Math.exp(term)
  for (let i = 0; i < b.a - 1; i++) {
    term += Math.log(((a.a + i) / (a.a + i + both)) * ((b.b + i) / (1 + i)))
    sum += Math.exp(term)
  }
  return Math.min(1, sum)
}

/** P(each arm has the highest rate, or with 'min' the lowest), by quadrature. */
export const betaBest = (arms: readonly Beta[], optimize: Optimize = 'max'): number[] =>
  ranks(arms.map((arm) => onArc(optimize === 'max' ? arm : { a: arm.b, b: arm.a }))).best

const levels = [1e-14, 1e-10, 1e-7, 1e-5, 1e-3, 0.02, 0.1, 0.3]

/** A rate x as θ, x = sin² θ: there densities are finite at both ends. */
function onArc({ a, b }: Beta): Distribution {
  const breaks = [
    ...levels.map((p) => Math.asin(Math.sqrt(betaQuantile(p, a, b)))),
    ...levels.map((p) => Math.acos(Math.sqrt(betaQuantile(p, b, a)))),
  ]
  return {
    // From the nearer end, or rates close to 1 would be 1.
    density: (t) => (t < Math.PI / 4 ? betaPdf(Math.sin(t) ** 2, a, b) : betaPdf(Math.cos(t) ** 2, b, a)) * Math.sin(2 * t),
    cdf: (t) => (t < Math.PI / 4 ? betaCdf(Math.sin(t) ** 2, a, b) : 1 - betaCdf(Math.cos(t) ** 2, b, a)),
    breaks: [0, ...breaks.filter((t) => t > 0 && t < Math.PI / 2), Math.PI / 2],
  }
}

/**
 * E[max(A − B, 0)]: what is lost on average by choosing B where A is the better one. E[A; A > B] is E[A] times
 * P(A' > B) with one success more.
 */
export function expectedLoss(chosen: Beta, other: Beta): number {
  const more = ({ a, b }: Beta): Beta => ({ a: a + 1, b })
  const loss = meanOf(other) * probabilityAbove(more(other), chosen) - meanOf(chosen) * probabilityAbove(other, more(chosen))
  return Math.max(0, loss)
}
const meanOf = ({ a, b }: Beta): number => a / (a + b)

/** The middle 1 − alpha of the posterior. */
const betaInterval = ({ a, b }: Beta, alpha: number): [number, number] => [betaQuantile(alpha / 2, a, b), 1 - betaQuantile(alpha / 2, b, a)]

export type BetaComparison = Readonly<{
  probBBeatsA: number
  probBest: number[]
  expectedLossChooseB: number
  expectedLossChooseA: number
  ciA: [number, number]
  ciB: [number, number]
}>

/** Two arms, the first the control. With 'min' to win is to have the lower rate, and a loss is a higher one. */
export function compareRates(a: Beta, b: Beta, alpha: number, optimize: Optimize = 'max'): BetaComparison {
  const [betterA, betterB] = optimize === 'max' ? [a, b] : [flipped(a), flipped(b)]
  const probBBeatsA = probabilityAbove(betterB, betterA)
  return {
    probBBeatsA,
    probBest: [1 - probBBeatsA, probBBeatsA],
    expectedLossChooseB: expectedLoss(betterB, betterA),
    expectedLossChooseA: expectedLoss(betterA, betterB),
    ciA: betaInterval(a, alpha),
    ciB: betaInterval(b, alpha),
  }
}
/** The rate of failures. */
const flipped = ({ a, b }: Beta): Beta => ({ a: b, b: a })
