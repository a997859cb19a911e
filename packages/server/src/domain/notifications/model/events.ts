import { Type } from 'typebox'
import { AppError, errorKind } from '../../../core/errors.ts'
import { type DomainEvent, eventIdOf, type LoggedEvent } from '../../../core/events.ts'
import { FreeJson, Strict, Timestamp } from '../../../core/schemas.ts'

export const EventTooLarge = errorKind({ code: 'event.too_large', status: 413, title: 'The data of the event are too large' })
export const EventsGone = errorKind({ code: 'events.gone', status: 410, title: 'The events after this cursor are gone' })

/** An event of the log. */
export const Event = Strict(
  {
    id: Type.String({ description: 'Stable; the same that its deliveries have as `webhook-id`' }),
    type: Type.String({ description: 'Such as prompt.created; GET /notifications/event-types has them all' }),
    subject: Type.String({ description: 'The id of what it happened to' }),
    timestamp: Timestamp,
    data: FreeJson('What happened, by the schema of the type'),
    actor: Type.String({ description: 'Who did it' }),
    requestId: Type.String({ description: 'X-Request-Id of the request that did it' }),
  },
  { $id: 'Event' },
)
export type Event = Readonly<{
  id: string
  type: string
  subject: string
  timestamp: string
  data: Record<string, unknown>
  actor: string
  requestId: string
}>

/** As callers are shown it. */
export const shown = (event: LoggedEvent): Event => ({
  id: eventIdOf(event),
  type: event.type,
  subject: event.subject,
  timestamp: event.createdAt,
  data: event.data,
  actor: event.actor,
  requestId: event.requestId,
})

export const CustomType = Type.String({
  pattern: '^custom(\\.[a-z][a-z0-9_]{0,39}){1,4}$',
  description: '`custom.` and up to four names of lower-case letters, digits and _ with dots between, each up to 40 characters',
})
export const maxCustomBytes = 64 * 1024

export type CustomEvent = Readonly<{ type: string; subject?: string | undefined; data?: Readonly<Record<string, unknown>> | undefined }>

/** An event that a caller makes. Pure. @param workspaceId its subject without one. @throws EventTooLarge (413) */
export function customEvent({ type, subject, data = {} }: CustomEvent, workspaceId: string): DomainEvent {
  const bytes = Buffer.byteLength(JSON.stringify(data))
  if (bytes > maxCustomBytes)
    throw new AppError(
      EventTooLarge,
      `"data" has ${bytes} bytes as JSON; ${maxCustomBytes} are taken. Keep it elsewhere and name where it is.`,
    )
  return { type, subject: subject ?? workspaceId, data }
}

/** Up to 20 types, exact or with `.*` behind their beginning. */
export const TypePatterns = Type.Array(
  Type.String({
    maxLength: 100,
    pattern: '^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)*(\\.\\*)?$',
    description: 'A type such as prompt.created, or the beginning of some: prompt.*',
  }),
  {
    maxItems: 20,
    description: 'Types of events, or beginnings of some with .* behind them (prompt.*); as often as needed, up to 20 times',
  },
)
