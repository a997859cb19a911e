import { Type } from 'typebox'
import { quantiles } from './sketch.ts'
import { emptyTally, mergeTally, type Tally } from './tally.ts'

/** What is followed over time: numbers that one tally tells. */
export const metrics = [
  'requests',
  'successRate',
  'latencyP95Ms',
  'costUsd',
  'costPerRequestUsd',
  'tokens',
  'tokensPerRequest',
  'satisfaction',
] as const
export type Metric = (typeof metrics)[number]
export const MetricName = Type.Enum([...metrics], {
  description: 'requests, costUsd and tokens are sums over a time; the others are rates (0 to 1), means, or the 95th percentile',
})

/** Sums grow with the time that is looked at, and are 0 where nothing happened; the others are not known there. */
const totals: Partial<Record<Metric, (tally: Tally) => number>> = {
  requests: (t) => t.requests,
  costUsd: (t) => t.costMicros / 1e6,
  tokens: (t) => t.inputTokens + t.outputTokens,
}
export const isTotal = (metric: Metric): boolean => metric in totals

const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)

const rates: Partial<Record<Metric, (tally: Tally) => number | null>> = {
  successRate: (t) => ratio(t.requests - t.errors, t.requests),
  latencyP95Ms: (t) => {
    const [p95 = null] = quantiles(t.latency, [0.95])
    return p95 === null ? null : p95 / 1_000
  },
  costPerRequestUsd: (t) => ratio(t.costMicros / 1e6, t.requests - t.unpriced),
  tokensPerRequest: (t) => ratio(t.inputTokens + t.outputTokens, t.requests),
  satisfaction: (t) => ratio(t.score / 10_000, t.ratings),
}

/** A piece of time, and which part of it counts (0 to 1). */
export type Part = Readonly<{ tally: Tally; part: number }>
/** `events`: what the value is made of: ratings for satisfaction, uses whose cost is known for costs, else uses. */
export type Measured = Readonly<{ value: number | null; events: number }>

const eventsOf = (metric: Metric, t: Tally): number =>
  metric === 'satisfaction' ? t.ratings : metric.startsWith('cost') ? t.requests - t.unpriced : t.requests

/** A metric over some pieces of time. A piece of which a part counts adds that part to a sum, and all of itself to a rate. */
export function measure(metric: Metric, parts: readonly Part[]): Measured {
  const events = parts.reduce((sum, { tally, part }) => sum + eventsOf(metric, tally) * (isTotal(metric) ? part : 1), 0)
  const total = totals[metric]
  if (total) {
    const unknown = metric === 'costUsd' && events === 0 && parts.some(({ tally }) => tally.unpriced > 0)
    return { value: unknown ? null : parts.reduce((sum, { tally, part }) => sum + total(tally) * part, 0), events }
  }
  const all = emptyTally()
  for (const { tally, part } of parts) if (part > 0) mergeTally(all, tally)
  return { value: rates[metric]!(all), events }
}
