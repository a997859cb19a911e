import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Id, Nullable, PageQuery, Strict, Timestamp } from '../../../core/schemas.ts'
import { DriftInUse, PromptNotFound } from '../../prompts/index.ts'
import { QuestionInvalid } from '../model/failures.ts'
import { GroupBy, groupFields, groupings } from '../model/groups.ts'
import { Prediction } from '../model/prediction.ts'
import { Report, Use } from '../model/report.ts'
import { getDashboard, getPerformance } from '../queries/dashboard.ts'
import { getPromptUse } from '../queries/prompt-use.ts'
import { getSummary, getUsage, type RunningTests } from '../queries/usage.ts'

const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 400, description }))
const time = (description: string) => Type.Optional(Type.String({ format: 'date-time', description }))
const times = {
  from: time('Not before this time, in whole intervals; 7 days before `to` without it'),
  to: time('Before this time; now without it'),
}
const interval = Type.Optional(
  Type.Enum(['hour', 'day', 'month'], { description: 'UTC; hours up to 3 days, days up to 92, else months unless told; at most 1,000' }),
)
const filters = {
  promptId: Type.Optional(Id),
  version: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'Uses of this version' })),
  label: text('Uses that were served by this label'),
  provider: text('Uses of this provider’s models'),
  model: text('Uses of this model'),
  service: text('Uses by this application'),
  variant: text('Uses of this variant of a test: test/variant'),
  operation: text('Uses for this, such as chat'),
}
const { limit } = PageQuery
const groupCount = Type.Integer({ minimum: 0, description: 'How many there are in all' })
const Point = Strict({ at: Timestamp, ...Report.properties })
const span = { from: Timestamp, to: Timestamp }
const points = Type.Array(Point, { description: 'In order; times in which nothing was measured are left out' })
const change = (of: string) => Nullable(Type.Number(), { description: `Relative change of ${of}: 0.1 is 10 % more` })
const Trend = Strict({
  requests: change('uses'),
  successRate: change('the success rate'),
  latencyP95: change('the 95th percentile of latency'),
  costPerRequest: change('the mean cost of a use'),
  satisfaction: change('the mean rating'),
})
const Shares = Type.Array(
  Strict({
    key: Type.String({ description: 'Which one' }),
    requests: Type.Integer({ description: 'Uses' }),
    costUsd: Type.Number({ description: 'Their cost' }),
  }),
  { description: 'The 20 with the most uses' },
)
const access = 'analytics:read'

export const reports = (runningTests: RunningTests): AnyEndpoint[] => [
  endpoint({
    name: 'analytics.dashboard',
    method: 'GET',
    path: '/analytics/dashboard',
    access,
    summary: 'What was measured over a time: success, latency, tokens, cost, satisfaction, by time and by group',
    query: Strict({ ...times, interval, groupBy: Type.Optional(GroupBy), ...filters }),
    reply: Strict({
      ...span,
      interval: Type.String(),
      totals: Report,
      points,
      groups: Type.Optional(
        Type.Array(Strict({ ...groupFields, totals: Report, points }), { description: 'With `groupBy`: the 50 with the most uses' }),
      ),
      groupCount: Type.Optional(groupCount),
    }),
    errors: [QuestionInvalid],
    handle: ({ query }, ctx) => getDashboard(query, ctx),
  }),
  endpoint({
    name: 'analytics.summary',
    method: 'GET',
    path: '/analytics/summary',
    access,
    summary: 'The last days beside as many before them, the prompts used most, and what the use is made of',
    query: Strict({
      days: Type.Optional(Type.Integer({ minimum: 1, maximum: 365, description: 'How many, today included; 30 without it' })),
    }),
    reply: Strict({
      days: Type.Integer(),
      ...span,
      totals: Report,
      previous: Report,
      activity: Type.Array(Strict({ at: Timestamp, ...Use.properties }), { description: 'Day by day' }),
      topPrompts: Type.Array(Strict({ ...groupFields, ...Use.properties })),
      runningTests: Type.Array(Strict({ id: Id, name: Type.String(), startedAt: Nullable(Timestamp) }), {
        description: 'A/B tests that run, as far as you may see them; the newest first, 50 at most',
      }),
      openAlerts: Type.Array(
        Strict({
          id: Id,
          name: Type.String(),
          metric: Type.String(),
          since: Nullable(Timestamp, { description: 'Since when it fires' }),
        }),
        { description: 'Rules that fire now' },
      ),
      distributions: Strict({ category: Shares, tag: Shares, status: Shares, model: Shares }),
    }),
    handle: ({ query }, ctx) => getSummary(runningTests)(query, ctx),
  }),
  endpoint({
    name: 'analytics.usage',
    method: 'GET',
    path: '/analytics/usage',
    access,
    summary: 'Who and what used how much, by prompt, model, service, user, hour of the day and more',
    query: Strict({
      ...times,
      interval,
      groupBy: Type.Optional(
        Type.Enum([...groupings, 'user', 'hour'], {
          description: 'What to tell apart, prompt without it; `user` by keyed hash, about a second behind, `hour` of the day (UTC)',
        }),
      ),
      ...filters,
      limit,
    }),
    reply: Strict({ ...span, items: Type.Array(Strict({ ...groupFields, ...Use.properties })), groupCount }),
    errors: [QuestionInvalid],
    handle: ({ query }, ctx) => getUsage(query, ctx),
  }),
  endpoint({
    name: 'analytics.performance',
    method: 'GET',
    path: '/analytics/performance',
    access,
    summary: 'Prompts, or other groups, with percentiles and their change against as long a time before',
    query: Strict({ ...times, groupBy: Type.Optional(GroupBy), ...filters, limit }),
    reply: Strict({
      ...span,
      items: Type.Array(Strict({ ...groupFields, totals: Report, previous: Report, trend: Trend })),
      groupCount,
    }),
    errors: [QuestionInvalid],
    handle: ({ query }, ctx) => getPerformance(query, ctx),
  }),
  endpoint({
    name: 'analytics.prompt',
    method: 'GET',
    path: '/analytics/prompts/:id',
    access,
    summary: 'One prompt: what was measured of it by time and by version, how its use drifts, and what to expect',
    params: Strict({ id: Id }),
    query: Strict({ ...times, interval }),
    reply: Strict({
      promptId: Id,
      ...span,
      interval: Type.String(),
      totals: Report,
      points,
      versions: Type.Array(Strict({ version: Nullable(Type.Integer(), { description: 'null: it was not said' }), totals: Report })),
      drift: Type.Optional(DriftInUse),
      forecast: Prediction,
    }),
    errors: [PromptNotFound, QuestionInvalid],
    handle: ({ params, query }, ctx) => getPromptUse({ promptId: params.id, ...query }, ctx),
  }),
]
