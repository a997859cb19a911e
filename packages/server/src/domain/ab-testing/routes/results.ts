import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import type { ErrorKind } from '../../../core/errors.ts'
import type { IntakeAnswer } from '../../../core/intake.ts'
import { Id, Strict } from '../../../core/schemas.ts'
import { ExposureUnknown, Outcome, OutcomeContradicts, Reported, TestNotStarted, VariantUnknown } from '../model/outcomes.ts'
import { PowerReport, Results } from '../model/report.ts'

const mostItems = 1_000

/** A body of one outcome or of many: each is looked at by itself, so the schema here is for readers. */
const Outcomes = Type.Object(
  {
    ...Object.fromEntries(
      Object.entries(Outcome.properties).map(([name, field]) => [
        name,
        Type.Optional(Type.Unknown({ description: (field as { description?: string }).description ?? name })),
      ]),
    ),
    items: Type.Optional(
      Type.Array(Type.Unknown({ description: 'An outcome: see Outcome' }), {
        minItems: 1,
        maxItems: mostItems,
        description: 'Many outcomes, each with the fields that stand here; each is taken or refused by itself',
      }),
    ),
  },
  { $id: 'Outcomes', description: 'One outcome, or { items }. Unknown fields are kept as metadata' },
)

export type ResultHandlers = Readonly<{
  record(id: string, body: Readonly<{ [name: string]: unknown }>, ctx: Ctx): Promise<IntakeAnswer>
  results(input: { id: string }, ctx: Ctx): Promise<Results>
  power(input: { id: string }, ctx: Ctx): Promise<PowerReport>
}>

/** Outcomes of tests, and what they come to. @param notFound what is thrown for a test that there is not */
export const resultRoutes = ({ record, results, power }: ResultHandlers, notFound: ErrorKind): AnyEndpoint[] => [
  endpoint({
    name: 'abTests.recordResults',
    method: 'POST',
    path: '/optimization/ab-tests/:id/results',
    access: 'analytics:write',
    load: 'measurement',
    bodyLimit: 8 * 1024 * 1024,
    summary: 'Tell what became of a unit, or of up to 1,000; answered when they are stored for good',
    params: Strict({ id: Id }),
    body: Outcomes,
    status: 202,
    reply: Reported,
    errors: [notFound, TestNotStarted, OutcomeContradicts, VariantUnknown, ExposureUnknown],
    handle: ({ params, body }, ctx) => record(params.id, body as object as { [name: string]: unknown }, ctx),
  }),
  endpoint({
    name: 'abTests.results',
    method: 'GET',
    path: '/ab-tests/:id/results',
    access: 'abtests:read',
    summary: 'How a test stands: figures, comparisons, guardrails, the split, a time series, and what to do',
    params: Strict({ id: Id }),
    reply: Results,
    errors: [notFound],
    handle: ({ params }, ctx) => results(params, ctx),
  }),
  endpoint({
    name: 'abTests.power',
    method: 'GET',
    path: '/ab-tests/:id/power',
    access: 'abtests:read',
    summary: 'Which effects a test can find with the units that it has so far',
    params: Strict({ id: Id }),
    reply: PowerReport,
    errors: [notFound],
    handle: ({ params }, ctx) => power(params, ctx),
  }),
]
