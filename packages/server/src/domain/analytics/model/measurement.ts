import { type Static, Type } from 'typebox'
import { FreeJson, Id, ShortText, Strict } from '../../../core/schemas.ts'

const tokens = (description: string) => Type.Integer({ minimum: 0, maximum: 2_147_483_647, description })
const longText = (description: string) => Type.String({ minLength: 1, maxLength: 500, description })
const label = Type.String({ pattern: '^[a-z][a-z0-9._-]{0,63}$', description: 'The label that it was served by' })
const version = Type.Integer({
  minimum: 1,
  maximum: 2_147_483_647,
  description: 'The version that was used; without it the use counts for the prompt alone',
})
const eventId = longText('Made by the caller: the same one twice within 30 days counts once, whatever its time')
const occurredAt = Type.String({
  format: 'date-time',
  maxLength: 40,
  description: 'When it happened; now without it. At most 5 minutes ahead and no older than what the workspace keeps',
})

/** One use of a prompt, as a caller tells it. */
export const UsageEvent = Strict(
  {
    eventId: Type.Optional(eventId),
    promptId: Type.Optional(Id),
    category: Type.Optional(ShortText('With `name`, in the place of `promptId`')),
    name: Type.Optional(ShortText('With `category`, in the place of `promptId`')),
    version: Type.Optional(version),
    label: Type.Optional(label),
    provider: ShortText('Whose model it was, such as openai'),
    model: ShortText('The model that answered'),
    inputTokens: tokens('All tokens that went in, cached ones too'),
    outputTokens: tokens('All tokens that came out'),
    cachedTokens: Type.Optional(tokens('Of the input those that were read from the provider’s cache')),
    latencyMs: Type.Number({ minimum: 0, maximum: 86_400_000, description: 'From the call to its end, milliseconds, at most a day' }),
    timeToFirstTokenMs: Type.Optional(Type.Number({ minimum: 0, maximum: 2_147_000, description: 'Milliseconds, at most 35 minutes' })),
    success: Type.Boolean({ description: 'Whether it gave what was wanted' }),
    errorType: Type.Optional(ShortText('What went wrong, such as timeout')),
    costUsd: Type.Optional(
      Type.Number({ minimum: 0, maximum: 1_000_000, description: 'What it cost; counted by the price table without it' }),
    ),
    userId: Type.Optional(longText('Who caused it; kept as a keyed hash unless the workspace asks for plain')),
    sessionId: Type.Optional(longText('The conversation it belongs to')),
    traceId: Type.Optional(longText('The trace it belongs to')),
    service: Type.Optional(ShortText('The application that called')),
    operation: Type.Optional(ShortText('What for, such as chat')),
    experiment: Type.Optional(
      Strict(
        {
          testId: ShortText('The test'),
          unitId: Type.String({ minLength: 1, maxLength: 1_000, description: 'The unit that was assigned' }),
          variant: Type.Optional(ShortText('The variant that was served')),
        },
        { description: 'The A/B test that it was part of' },
      ),
    ),
    occurredAt: Type.Optional(occurredAt),
    metadata: Type.Optional(FreeJson('Anything else, up to 4 kB; fields that are not known here come to it too')),
  },
  { $id: 'UsageEvent' },
)
export type UsageEvent = Static<typeof UsageEvent>

/** What somebody thought of an answer. */
export const Satisfaction = Strict(
  {
    eventId: Type.Optional(eventId),
    promptId: Id,
    version: Type.Optional(version),
    rating: Type.Optional(Type.Integer({ minimum: 1, maximum: 5, description: '1 (worst) to 5; either this or `score`' })),
    score: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: '0 (worst) to 1; kept to four digits' })),
    comment: Type.Optional(Type.String({ maxLength: 2000, description: 'In words' })),
    userId: Type.Optional(longText('Who said so; kept as a keyed hash unless the workspace asks for plain')),
    sessionId: Type.Optional(longText('The conversation it belongs to')),
    traceId: Type.Optional(longText('The trace it belongs to')),
    occurredAt: Type.Optional(occurredAt),
    metadata: Type.Optional(FreeJson('Anything else, up to 4 kB')),
  },
  { $id: 'Satisfaction' },
)
export type Satisfaction = Static<typeof Satisfaction>

/** What events are told apart by. An empty text, the version 0: not said. */
export type Dimensions = Readonly<{
  promptId: string
  version: number
  label: string
  provider: string
  model: string
  service: string
  /** `test/variant` */
  variant: string
  operation: string
}>

/** `flags` of a row. */
export const flag = { success: 1, rating: 2 } as const

/** What is counted of an event. Whole numbers: microseconds, micro-dollars, ten-thousandths of a score. */
export type Counted = Readonly<{
  /** Milliseconds since 1970. */
  occurredAt: number
  latencyUs: number
  /** Null: no price is known. */
  costMicros: number | null
  inputTokens: number
  outputTokens: number
  cachedTokens: number | null
  ttftUs: number | null
  score: number | null
  flags: number
  /** 8 bytes in hex. */
  userHash: string | null
}>

/** An event that can be stored. */
export type Measurement = Counted &
  Readonly<{
    /** A hash of workspace and `eventId` in the form of a UUID; null: it has none. */
    eventId: string | null
    dimensions: Dimensions
    /** JSON of what is kept and not counted; null: nothing. */
    rest: string | null
  }>

/** Days that raw rows are kept, unless the workspace says otherwise. */
export const defaultRetentionDays = 90
/** How far in the future an event may lie, milliseconds: clocks differ. */
export const aheadMs = 5 * 60_000
export const dayMs = 86_400_000
export const hourMs = 3_600_000
