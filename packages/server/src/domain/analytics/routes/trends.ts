import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Id, Strict, Timestamp } from '../../../core/schemas.ts'
import { PromptNotFound } from '../../prompts/index.ts'
import { QuestionInvalid } from '../model/failures.ts'
import { MetricTrend } from '../model/trend.ts'
import { getTrends } from '../queries/trends.ts'

const time = (description: string) => Type.Optional(Type.String({ format: 'date-time', description }))

export const trends: AnyEndpoint[] = [
  endpoint({
    name: 'analytics.trends',
    method: 'GET',
    path: '/analytics/trends',
    access: 'analytics:read',
    summary: 'How each metric went: its slope with an interval, and when its level changed, in words too',
    query: Strict({
      from: time('Not before this time; 60 days, or 7 by hours, before `to` without it'),
      to: time('Before this time; what is not over yet is left out'),
      interval: Type.Optional(Type.Enum(['hour', 'day'], { description: 'UTC; day without it; at most 500 of them' })),
      promptId: Type.Optional(Id),
    }),
    reply: Strict({
      from: Timestamp,
      to: Timestamp,
      interval: Type.Enum(['hour', 'day'], { description: 'What a point is' }),
      metrics: Type.Array(MetricTrend, { description: 'One for each metric' }),
      text: Type.String({ description: 'All of it in words' }),
    }),
    errors: [PromptNotFound, QuestionInvalid],
    handle: ({ query }, ctx) => getTrends(query, ctx),
  }),
]
