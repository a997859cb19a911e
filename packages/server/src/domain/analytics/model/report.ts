import { type Static, Type } from 'typebox'
import { Nullable, Strict } from '../../../core/schemas.ts'
import { estimate } from './distinct.ts'
import { quantiles, type Sketch } from './sketch.ts'
import type { Sums, Tally } from './tally.ts'

const Count = (description: string) => Type.Integer({ minimum: 0, description })
const Maybe = (description: string) => Nullable(Type.Number(), { description })

const Distribution = (of: string) =>
  Strict({ mean: Maybe(`Mean ${of}`), p50: Maybe('Median, within 1 %'), p95: Maybe('95 %, within 1 %'), p99: Maybe('99 %, within 1 %') })

/** What is told of a number of events. Where nothing was measured, numbers that would divide by it are null. */
export const Report = Strict(
  {
    requests: Count('Uses'),
    errors: Count('Uses that failed'),
    successRate: Maybe('0 to 1'),
    inputTokens: Count('All input'),
    outputTokens: Count('All output'),
    cachedTokens: Count('Of the input, from the provider’s cache'),
    costUsd: Type.Number({ minimum: 0, description: 'Of the uses whose cost is known' }),
    unpricedRequests: Count('Uses whose cost is not known'),
    latencyMs: Distribution('milliseconds'),
    timeToFirstTokenMs: Maybe('Mean, of the uses that told it'),
    tokens: Distribution('tokens of a use'),
    outputTokensPerRequest: Distribution('output tokens of a use'),
    costPerRequestUsd: Distribution('US dollars of a use'),
    satisfaction: Maybe('Mean of the ratings, 0 to 1'),
    ratings: Count('Ratings'),
    users: Count('Different users, about (standard error 2.3 %)'),
  },
  { $id: 'UsageReport' },
)
export type Report = Static<typeof Report>

const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)

/** @param unit divides what is stored into what is told */
function distribution(sketch: Sketch, sum: number, count: number, unit: number) {
  const [p50, p95, p99] = quantiles(sketch, [0.5, 0.95, 0.99]).map((value) => (value === null ? null : value / unit)) as [
    number | null,
    number | null,
    number | null,
  ]
  return { mean: ratio(sum / unit, count), p50, p95, p99 }
}

export const reportOf = (t: Tally): Report => ({
  requests: t.requests,
  errors: t.errors,
  successRate: ratio(t.requests - t.errors, t.requests),
  inputTokens: t.inputTokens,
  outputTokens: t.outputTokens,
  cachedTokens: t.cachedTokens,
  costUsd: t.costMicros / 1e6,
  unpricedRequests: t.unpriced,
  latencyMs: distribution(t.latency, t.latencyUs, t.requests, 1_000),
  timeToFirstTokenMs: ratio(t.ttftUs / 1_000, t.ttftCount),
  tokens: distribution(t.tokens, t.inputTokens + t.outputTokens, t.requests, 1),
  outputTokensPerRequest: distribution(t.output, t.outputTokens, t.requests, 1),
  costPerRequestUsd: distribution(t.cost, t.costMicros, t.requests - t.unpriced, 1e6),
  satisfaction: ratio(t.score / 10_000, t.ratings),
  ratings: t.ratings,
  users: estimate(t.users),
})

/** What is told where many are compared: without percentiles. */
export const Use = Strict(
  {
    requests: Report.properties.requests,
    errors: Report.properties.errors,
    successRate: Report.properties.successRate,
    inputTokens: Report.properties.inputTokens,
    outputTokens: Report.properties.outputTokens,
    costUsd: Report.properties.costUsd,
    unpricedRequests: Report.properties.unpricedRequests,
    meanLatencyMs: Maybe('Mean, milliseconds'),
    satisfaction: Report.properties.satisfaction,
    ratings: Report.properties.ratings,
  },
  { $id: 'Use' },
)
export type Use = Static<typeof Use>

export const useOf = (s: Sums): Use => ({
  requests: s.requests,
  errors: s.errors,
  successRate: ratio(s.requests - s.errors, s.requests),
  inputTokens: s.inputTokens,
  outputTokens: s.outputTokens,
  costUsd: s.costMicros / 1e6,
  unpricedRequests: s.unpriced,
  meanLatencyMs: ratio(s.latencyUs / 1_000, s.requests),
  satisfaction: ratio(s.score / 10_000, s.ratings),
  ratings: s.ratings,
})
