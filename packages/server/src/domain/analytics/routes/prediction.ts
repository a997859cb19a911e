import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Id, Strict } from '../../../core/schemas.ts'
import { PromptNotFound } from '../../prompts/index.ts'
import { Prediction } from '../model/prediction.ts'
import { getPrediction } from '../queries/prediction.ts'

export const prediction: AnyEndpoint[] = [
  endpoint({
    name: 'analytics.prediction',
    method: 'GET',
    path: '/prompts/:id/prediction',
    access: 'analytics:read',
    summary: 'The success rate to expect of a prompt, with an interval, and how good such predictions were',
    params: Strict({ id: Id }),
    query: Strict({
      version: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'Of this version; of all of them without it' }),
      ),
    }),
    reply: Prediction,
    errors: [PromptNotFound],
    handle: ({ params, query }, ctx) => getPrediction({ promptId: params.id, ...query }, ctx),
  }),
]
