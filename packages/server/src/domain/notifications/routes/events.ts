import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, endpoint, serve } from '../../../core/endpoint.ts'
import { eventStreamType } from '../../../core/event-stream.ts'
import type { ListedEvent } from '../../../core/events.ts'
import { FreeJson, Nullable, PageQuery, ShortText, Strict } from '../../../core/schemas.ts'
import { Event, EventsGone, TypePatterns } from '../model/events.ts'
import { type Visibility, visibilityOf } from '../model/visibility.ts'
import { listEvents } from '../queries/log.ts'
import { streamEvents } from '../queries/stream.ts'
import type { Tail } from '../queries/tail.ts'

export type EventParts = Readonly<{
  /** Every type of event there is. */
  eventTypes(): readonly ListedEvent[]
  tail: Tail
}>

const filters = { type: Type.Optional(TypePatterns), subject: Type.Optional(ShortText('The id of what it happened to')) }
const since = (description: string) => Type.Optional(Type.String({ format: 'date-time', description }))
const cursor = (description: string) => Type.Optional(Type.String({ maxLength: 4096, description }))
const seconds = Type.Optional(
  Type.Integer({ minimum: 0, maximum: 300, description: 'End after so long; 0: when all that is there was told. 300 without it' }),
)

const visibleTo = ({ actor }: Ctx, { eventTypes }: Pick<EventParts, 'eventTypes'>): Visibility => visibilityOf(actor, eventTypes())

/** The event log, its stream, and what there is to be told. */
export const events = (parts: EventParts): AnyEndpoint[] => [
  endpoint({
    name: 'notifications.events',
    method: 'GET',
    path: '/notifications/events',
    access: 'notifications:read',
    summary: 'The event log: every change of the workspace, in the order of the commits, without gaps',
    query: Strict({
      ...filters,
      since: since('Not before this time. Without a cursor the walk begins there, else with the oldest event that is kept'),
      cursor: cursor('Where to go on: `cursor` of an answer, or the id of an event of the stream. Filters may change on the way'),
      limit: PageQuery.limit,
    }),
    reply: Strict({
      items: Type.Array(Event, { description: 'Oldest first. Perhaps fewer than the limit, or none, though there are more' }),
      nextCursor: Nullable(Type.String(), { description: 'Send it as `cursor` at once, there is more; null: this was all up to now' }),
      cursor: Type.String({ description: 'Up to here everything was told. Keep it, and send it later for what has come since' }),
    }),
    errors: [EventsGone],
    handle: ({ query }, ctx) => listEvents(query, visibleTo(ctx, parts).sees, ctx),
  }),
  serve({
    name: 'notifications.stream',
    method: 'GET',
    path: '/notifications/events/stream',
    access: 'notifications:read',
    summary: 'The event log as server-sent events, from now on or from an earlier place',
    query: Strict({
      ...filters,
      since: since('Begin with what happened at this time or later, where no place is given'),
      cursor: cursor('Where to go on, as in the event log; `Last-Event-ID` comes before it. Without all of them: from now on'),
      seconds,
    }),
    reply: Type.String({
      description:
        '`message`: an event of the log each. `position`, with `{}`: at the beginning, and when a lot was passed over. Their ids are cursors',
    }),
    replyType: eventStreamType,
    errors: [EventsGone],
    handle: ({ query }, ctx, headers) =>
      streamEvents(query, headers['last-event-id'], { tail: parts.tail, sees: visibleTo(ctx, parts).sees, ctx }),
  }),
  endpoint({
    name: 'notifications.eventTypes',
    method: 'GET',
    path: '/notifications/event-types',
    access: 'notifications:read',
    summary: 'Every type of event that there is, with the JSON Schema of its data',
    reply: Strict({
      items: Type.Array(Strict({ type: Type.String(), description: Type.String(), schema: FreeJson('JSON Schema of `data`') })),
    }),
    handle: async () => ({
      items: parts.eventTypes().map(({ type, description, schema }) => ({ type, description, schema: { ...schema } })),
    }),
  }),
]
