import type { Metric } from './experiment.ts'
import type { Comparison, Interval } from './results.ts'

const names: Readonly<Record<Metric, string>> = {
  success: 'rate of success',
  score: 'score',
  latencyMs: 'latency',
  costUsd: 'cost',
  tokens: 'use of tokens',
  satisfaction: 'satisfaction',
}

/** A metric in the words of somebody who looks at a product. */
export const nameOf = (metric: Metric, quantile?: number): string =>
  quantile === undefined ? names[metric] : `${names[metric]} (p${Number((quantile * 100).toFixed(2))})`

const percent = (part: number): string => `${Number((Math.abs(part) * 100).toPrecision(2))} %`
const signed = (part: number): string => `${part < 0 ? '−' : '+'}${percent(part)}`
const within = ({ lower, upper }: Interval): string => `between ${signed(lower)} and ${signed(upper)}`
const figure = (value: number): string => String(Number(value.toPrecision(3)))

/** By how much a variant differs from the control, with what is sure of it. */
export function differenceIn({ variant, metric, lift, difference }: Comparison, control: string): string {
  if (lift)
    return `the ${names[metric]} of ${variant} is ${percent(lift.estimate)} ${lift.estimate < 0 ? 'lower' : 'higher'} than that of ${control} (surely ${within(lift.alwaysValid)})`
  if (!difference) return `nothing is known yet of the ${names[metric]} of ${variant}`
  const { estimate, alwaysValid } = difference
  return `the ${names[metric]} of ${variant} is ${figure(Math.abs(estimate))} ${estimate < 0 ? 'lower' : 'higher'} than that of ${control} (surely between ${figure(alwaysValid.lower)} and ${figure(alwaysValid.upper)})`
}

/** A guardrail that was crossed. */
export const crossing = (rail: Readonly<{ variant: string; metric: Metric; maxRegression: number; lower: number | null }>): string =>
  `the ${names[rail.metric]} of ${rail.variant} is worse by more than the ${percent(rail.maxRegression)} that are allowed (surely by at least ${percent(rail.lower ?? 0)})`

/** Of a text that begins with a word of ours: the key of a variant stays as it is written. */
export const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`
