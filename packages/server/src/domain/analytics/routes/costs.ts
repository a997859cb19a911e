import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Id, Nullable, PageQuery, Strict, Timestamp } from '../../../core/schemas.ts'
import { QuestionInvalid } from '../model/failures.ts'
import { groupFields, groupings } from '../model/groups.ts'
import { PromptSavings } from '../model/savings.ts'
import { getCosts } from '../queries/costs.ts'

const time = (description: string) => Type.Optional(Type.String({ format: 'date-time', description }))
const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 400, description }))
const Count = (description: string) => Type.Integer({ minimum: 0, description })
const Usd = (description: string) => Type.Number({ minimum: 0, description: `US dollars: ${description}` })

const cost = {
  costUsd: Usd('of the uses whose cost is known'),
  previousCostUsd: Usd('in as long a time before'),
  change: Nullable(Type.Number(), { description: 'Relative: 0.1 is 10 % more; null: there was no cost before' }),
  requests: Count('Uses'),
  unpricedRequests: Count('Uses whose cost is not known'),
  costPerRequestUsd: Nullable(Type.Number(), { description: 'Mean of the uses whose cost is known' }),
}

export const costs: AnyEndpoint[] = [
  endpoint({
    name: 'analytics.costs',
    method: 'GET',
    path: '/analytics/costs',
    access: 'analytics:read',
    summary: 'What use has cost, by any dimension, beside the time before; and what each of the dearest prompts could save',
    query: Strict({
      from: time('Not before this time, in whole days; 30 days before `to` without it'),
      to: time('Before this time; the end of today without it'),
      groupBy: Type.Optional(Type.Enum([...groupings, 'category'], { description: 'What to tell apart; prompt without it' })),
      promptId: Type.Optional(Id),
      label: text('Uses that were served by this label'),
      provider: text('Uses of this provider’s models'),
      model: text('Uses of this model'),
      service: text('Uses by this application'),
      variant: text('Uses of this variant of a test: test/variant'),
      operation: text('Uses for this, such as chat'),
      limit: PageQuery.limit,
      savings: Type.Optional(Type.Boolean({ description: 'Whether to tell what could be saved; true without it' })),
    }),
    reply: Strict({
      from: Timestamp,
      to: Timestamp,
      totals: Strict(cost),
      items: Type.Array(
        Strict({
          ...groupFields,
          ...cost,
          share: Nullable(Type.Number({ minimum: 0, maximum: 1 }), { description: 'Of all cost, 0 to 1' }),
        }),
        { description: 'The dearest first' },
      ),
      groupCount: Count('How many there are in all'),
      savings: Type.Optional(Type.Array(PromptSavings, { description: 'The 20 prompts that cost most, where they still are' })),
    }),
    errors: [QuestionInvalid],
    handle: ({ query }, ctx) => getCosts(query, ctx),
  }),
]
