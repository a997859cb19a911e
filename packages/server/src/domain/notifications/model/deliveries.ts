import { type Static, Type } from 'typebox'
import { Id, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'

export const DeliveryState = Type.Enum(['pending', 'succeeded', 'failed', 'cancelled'], {
  description: 'pending: an attempt is to come; failed: no more attempts; cancelled: with its replay',
})
export type DeliveryState = Static<typeof DeliveryState>

/** Of an answer's body so much is kept. Bytes. */
export const keptBytes = 16_384
/** Of that a list shows so much. Characters. */
export const listedCharacters = 1_024

const Headers = Type.Record(Type.String(), Type.String())
export type AttemptHeaders = Readonly<Record<string, string>>

export const Attempt = Strict(
  {
    attempt: Type.Integer({ minimum: 1 }),
    at: Timestamp,
    tookMs: Type.Integer({ minimum: 0 }),
    failure: Nullable(Type.String(), {
      description:
        'null: it succeeded. http: the answer was none of 2xx; else why there was no answer: refused dns connect tls timeout closed invalid event_gone',
    }),
    detail: Nullable(Type.String(), { description: 'What went wrong, for people' }),
    status: Nullable(Type.Integer(), { description: 'Of the answer' }),
    address: Nullable(Type.String(), { description: 'The IP address that was asked' }),
    requestHeaders: Type.Unsafe<AttemptHeaders>({ ...Headers, description: 'As sent; secret values masked' }),
    responseHeaders: Type.Unsafe<AttemptHeaders | null>({ ...Nullable(Headers), description: 'Of the answer' }),
    responseBody: Nullable(Type.String(), {
      description: `The first ${keptBytes} bytes of the answer, in lists the first ${listedCharacters} characters`,
    }),
    truncated: Type.Boolean({ description: 'The answer was longer' }),
    nextAttemptAt: Nullable(Timestamp, { description: 'When it was to be tried again then' }),
  },
  { $id: 'WebhookAttempt' },
)
export type Attempt = Static<typeof Attempt>

export const Delivery = Strict(
  {
    id: Id,
    webhookId: Id,
    messageId: Type.String({ description: '`webhook-id`: the id of the event, the same at each attempt and in each replay' }),
    type: Type.String(),
    subject: Type.String(),
    replayId: Nullable(Id, { description: 'The replay that it belongs to' }),
    state: DeliveryState,
    createdAt: Timestamp,
    nextAttemptAt: Nullable(Timestamp, { description: 'null: none is to come' }),
    finishedAt: Nullable(Timestamp),
    attemptCount: Type.Integer({ minimum: 0 }),
    attempts: Type.Array(Attempt, { description: 'The newest 20, newest first' }),
  },
  { $id: 'WebhookDelivery' },
)
export type Delivery = Static<typeof Delivery>
