import { Type } from 'typebox'
import type { Answer } from '../../../core/answer.ts'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, serve } from '../../../core/endpoint.ts'
import { FreeJson, Id, Nullable, Strict } from '../../../core/schemas.ts'
import { attributesInQuery, ServedPrompt, servingErrors, type Values, valuesInQuery } from '../../prompts/index.ts'
import { type Assigning, type Attributes, assignHeaders, bodyOf } from '../assigning.ts'
import { ABTestNotFound } from '../model/failures.ts'
import { Key } from '../model/shapes.ts'
import { type Selecting, selectedBody } from '../selecting.ts'

const TestId = Strict({ id: Id })
const UnitId = Type.String({ minLength: 1, maxLength: 1_000, description: 'Who is to be assigned, such as a user or a conversation' })
const texts = { type: 'string', maxLength: 10_000 } as const

const assignment = {
  testId: Id,
  variant: Key,
  promptId: Id,
  version: Nullable(Type.Integer({ minimum: 1, description: 'Of the prompt; null while a draft has not pinned it' })),
  enrolled: Type.Boolean({ description: 'Whether the unit takes part; who does not sees the control' }),
  reason: Type.Enum(['assigned', 'forced', 'draft', 'paused', 'ended', 'namespace', 'holdout', 'targeting', 'coverage', 'unavailable'], {
    description: 'Why: `unavailable` where the prompt of its variant was deleted, archived or redacted',
  }),
  exposureId: Nullable(Type.String({ description: 'Names this unit, variant and phase in results; null for who does not take part' })),
}
const Assignment = Strict(assignment, { $id: 'Assignment' })
const Selection = Strict({ ...assignment, prompt: ServedPrompt }, { $id: 'Selection' })

type Wish = Readonly<{ id: string; unitId: string; attributes: Attributes; values: Values | undefined }>

/** Who sees what, with the right to be served prompts. */
export const servingTests = (selecting: Selecting, assigning: Assigning): AnyEndpoint[] => [
  assignRoute(selecting, assigning),
  ...selectRoutes(async ({ id, ...wish }, ctx) => {
    const selected = await selecting.select(await selecting.known(id, ctx), { ...wish, exposes: true }, ctx)
    return { status: 200, headers: selected.headers, body: selectedBody(selected) }
  }),
]

const assignRoute = (selecting: Selecting, assigning: Assigning): AnyEndpoint =>
  serve({
    name: 'abTests.assign',
    method: 'GET',
    path: '/optimization/ab-tests/:id/assign',
    access: 'prompts:read',
    summary: 'Which variant a unit sees; nothing is noted',
    params: TestId,
    query: Type.Object(
      { unitId: UnitId },
      { additionalProperties: false, patternProperties: { '^attr\\.': texts }, description: '`attr.<name>` is for targeting' },
    ),
    reply: Assignment,
    errors: [ABTestNotFound],
    handle: async ({ params, query }, ctx) => {
      const known = await selecting.known(params.id, ctx)
      const assigned = await assigning.assign(known, query.unitId, attributesInQuery(query), ctx)
      return { status: 200, headers: assignHeaders, body: bodyOf(assigned) }
    },
  })

const selectRoutes = (answer: (wish: Wish, ctx: Ctx) => Promise<Answer>): AnyEndpoint[] => [
  serve({
    name: 'abTests.select',
    method: 'GET',
    path: '/ab-tests/:id/select',
    access: 'prompts:read',
    summary: 'Which variant a unit sees, and its prompt; the exposure is noted',
    params: TestId,
    query: Type.Object(
      { unitId: UnitId },
      {
        additionalProperties: false,
        patternProperties: { '^attr\\.': texts, '^var\\.': { type: 'string' } },
        description: '`attr.<name>` is for targeting, `var.<name>` fills a variable',
      },
    ),
    reply: Selection,
    errors: [ABTestNotFound, ...servingErrors],
    handle: ({ params, query }, ctx) =>
      answer({ id: params.id, unitId: query.unitId, attributes: attributesInQuery(query), values: valuesInQuery(query) }, ctx),
  }),
  serve({
    name: 'abTests.selectByBody',
    method: 'POST',
    path: '/ab-tests/:id/select',
    access: 'prompts:read',
    readOnly: true,
    summary: 'The same with everything in the body: nothing personal in a URL',
    params: TestId,
    body: Strict({
      unitId: UnitId,
      attributes: Type.Optional(FreeJson('For targeting')),
      variables: Type.Optional(FreeJson('Values by name; the prompt then has `rendered`')),
    }),
    reply: Selection,
    errors: [ABTestNotFound, ...servingErrors],
    handle: ({ params, body: { unitId, attributes = {}, variables } }, ctx) =>
      answer({ id: params.id, unitId, attributes, values: variables && (() => variables) }, ctx),
  }),
]
