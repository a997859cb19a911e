import { Type } from 'typebox'
import { visibleCategories } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import type { ListedEvent } from '../../../core/events.ts'
import { FreeJson, Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'
import { trigger } from '../commands/trigger.ts'
import { CustomType, EventTooLarge, maxCustomBytes } from '../model/events.ts'
import { visibilityOf } from '../model/visibility.ts'
import { countEvents } from '../queries/stats.ts'

/** Something that grows old. */
export type Cleaner = Readonly<{
  what: string
  /** Remove what of the caller's workspace is older than so many days. @returns how many went */
  cleanUp(days: number, ctx: Ctx): Promise<number>
}>

export type UpkeepParts = Readonly<{
  eventTypes(): readonly ListedEvent[]
  feed: Readonly<{ lag(): number }>
  retentionDays: number
  cleaners: readonly Cleaner[]
  /** How many deliveries of the caller's workspace are in each state. */
  deliveriesByState(ctx: Ctx): Promise<Record<string, number>>
}>

const Count = Type.Integer({ minimum: 0 })
const days = Type.Integer({
  minimum: 1,
  maximum: 3650,
  description: 'What is older than so many days goes; without it the retention of the installation counts',
})

/** Events of callers' own, what the log holds, and what becomes of what is old. */
export const upkeep = ({ eventTypes, feed, retentionDays, cleaners, deliveriesByState }: UpkeepParts): AnyEndpoint[] => [
  endpoint({
    name: 'notifications.trigger',
    method: 'POST',
    path: '/notifications/trigger',
    access: 'notifications:write',
    summary: 'Tell an event of your own: it goes into the log, to streams and to webhooks as all others do',
    body: Strict({
      type: CustomType,
      subject: Type.Optional(ShortText('What it is about; the workspace without it')),
      data: Type.Optional(
        FreeJson(
          `Anything, up to ${maxCustomBytes} bytes as JSON. With a text \`category\`, who sees certain categories only is told if that is one of them`,
        ),
      ),
    }),
    status: 202,
    reply: Strict({
      id: Type.String({ description: 'The id that it has in the log, and as `webhook-id`' }),
      type: Type.String(),
      subject: Type.String(),
      timestamp: Timestamp,
    }),
    errors: [EventTooLarge],
    handle: ({ body }, ctx) => trigger(body, ctx),
  }),
  endpoint({
    name: 'notifications.stats',
    method: 'GET',
    path: '/notifications/stats',
    access: 'notifications:read',
    summary: 'What the event log holds, by type, as far as the caller is told of it, and how deliveries stand',
    reply: Strict({
      events: Strict({
        total: Count,
        byType: Type.Array(Strict({ type: Type.String(), count: Count })),
        oldest: Nullable(Timestamp),
        newest: Nullable(Timestamp),
      }),
      feed: Strict({
        lag: Type.Integer({ minimum: 0, description: 'Events, of all workspaces, that this instance has not yet seen in the log' }),
      }),
      deliveries: Strict(
        { byState: Type.Record(Type.String(), Count) },
        { description: 'Deliveries to webhooks, for callers who see all categories: pending, succeeded, failed, cancelled' },
      ),
      retentionDays: Type.Integer({ minimum: 1, description: 'Older events are removed each night' }),
    }),
    handle: async (_input, ctx) => ({
      events: await countEvents(visibilityOf(ctx.actor, eventTypes()), ctx),
      feed: { lag: feed.lag() },
      deliveries: { byState: visibleCategories(ctx.actor) ? {} : await deliveriesByState(ctx) },
      retentionDays,
    }),
  }),
  endpoint({
    name: 'notifications.cleanup',
    method: 'POST',
    path: '/notifications/cleanup',
    access: 'webhooks:write',
    summary: 'Remove what is old; what is still to be delivered, indexed or mirrored stays',
    body: Strict({
      olderThanDays: Type.Optional(days),
      what: Type.Optional(
        Type.Array(Type.Enum(cleaners.map(({ what }) => what)), {
          minItems: 1,
          maxItems: 10,
          description: 'What to remove; all of it without it',
        }),
      ),
    }),
    reply: Strict({ deleted: Type.Record(Type.String(), Count, { description: 'How many of each went' }) }),
    handle: async ({ body: { olderThanDays = retentionDays, what } }, ctx) => {
      const deleted: Record<string, number> = {}
      for (const cleaner of cleaners)
        if (!what || what.includes(cleaner.what)) deleted[cleaner.what] = await cleaner.cleanUp(olderThanDays, ctx)
      return { deleted }
    },
  }),
]
