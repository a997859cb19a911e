import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import type { IntakeAnswer } from '../../../core/intake.ts'
import { LabelUnknown, MeasurementUnstorable, PromptUnknown, TimeOutOfRange, VersionUnknown } from '../model/failures.ts'
import { Satisfaction, UsageEvent } from '../model/measurement.ts'
import { Recorded } from '../model/recorded.ts'

const mostItems = 1_000
const refusals = [PromptUnknown, VersionUnknown, LabelUnknown, TimeOutOfRange, MeasurementUnstorable]

/**
 * A body of one event or of many. Measurements are the exception to the rule that unknown fields are refused; and each is
 * looked at by itself, so that one which is wrong does not spoil its neighbours: the schema here is for readers.
 */
const oneOrMany = (event: typeof UsageEvent | typeof Satisfaction, $id: string) =>
  Type.Object(
    {
      ...Object.fromEntries(
        Object.entries(event.properties).map(([name, field]) => [
          name,
          Type.Optional(Type.Unknown({ description: (field as { description?: string }).description ?? name })),
        ]),
      ),
      items: Type.Optional(
        Type.Array(Type.Unknown({ description: `An event: see ${String((event as { $id?: string }).$id)}` }), {
          minItems: 1,
          maxItems: mostItems,
          description: 'Many events, each with the fields that stand here; each is taken or refused by itself',
        }),
      ),
    },
    { $id, description: 'One event, or { items }. Unknown fields go to metadata' },
  )

export type Record = (body: Readonly<{ [name: string]: unknown }>, ctx: Ctx) => Promise<IntakeAnswer>

export const recording = ({ usage, satisfaction }: { usage: Record; satisfaction: Record }): AnyEndpoint[] => [
  endpoint({
    name: 'analytics.recordUsage',
    method: 'POST',
    path: '/analytics/usage',
    access: 'analytics:write',
    load: 'measurement',
    bodyLimit: 8 * 1024 * 1024,
    readOnly: true, // an event has its eventId, and needs no Idempotency-Key
    summary: 'Tell of one use of a prompt, or of up to 1,000; answered when they are stored for good',
    body: oneOrMany(UsageEvent, 'UsageEvents'),
    status: 202,
    reply: Recorded,
    errors: refusals,
    handle: ({ body }, ctx) => usage(body as object as { [name: string]: unknown }, ctx),
  }),
  endpoint({
    name: 'analytics.recordSatisfaction',
    method: 'POST',
    path: '/analytics/satisfaction',
    access: 'analytics:write',
    load: 'measurement',
    bodyLimit: 8 * 1024 * 1024,
    readOnly: true, // as above
    summary: 'Tell what somebody thought of an answer: one rating, or up to 1,000',
    body: oneOrMany(Satisfaction, 'SatisfactionEvents'),
    status: 202,
    reply: Recorded,
    errors: refusals,
    handle: ({ body }, ctx) => satisfaction(body as object as { [name: string]: unknown }, ctx),
  }),
]
