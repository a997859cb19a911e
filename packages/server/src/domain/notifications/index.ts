import type { Db } from '../../core/db.ts'
import type { ListedEvent } from '../../core/events.ts'
import type { Feed } from '../../core/feed/feed.ts'
import type { MirrorStream } from '../../core/feed/mirror-stream.ts'
import { defineModule, type Module } from '../../core/module.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import { cleanUp } from './commands/clean-up.ts'
import { cleanUpDaily } from './jobs/clean-up.ts'
import { createMirror } from './jobs/mirror.ts'
import { createTail } from './queries/tail.ts'
import { events } from './routes/events.ts'
import { upkeep } from './routes/upkeep.ts'
import type { Keeping } from './store/old-events.ts'
import { createWebhooks, type WebhookOptions } from './webhooks.ts'

export type NotificationsParts = Omit<WebhookOptions, 'types' | 'within'> &
  Readonly<{
    /** Every type of event that any context tells. */
    eventTypes(): readonly ListedEvent[]
    system: AcrossWorkspaces
    feed: Pick<Feed, 'onSignal' | 'position' | 'lag' | 'isLeader'>
    /** Events and deliveries that are older are removed each night. */
    retentionDays: number
    /** How far others who follow the feed by a position of their own have read: what comes after is never removed. */
    readers: readonly ((db: Db) => Promise<number>)[]
    /** A Redis Stream to which the feed is mirrored, and how many entries it keeps, about. */
    mirrored?: Readonly<{ stream: MirrorStream; maxLength: number }> | undefined
  }>

export type Notifications = Readonly<{ module: Module; start(): void; stop(): Promise<void> }>

/** What happened, told to those who want to know: the event log, its streams, webhooks, and events of callers' own. */
export function notifications(parts: NotificationsParts): Notifications {
  const { eventTypes, system, feed, retentionDays, readers, mirrored, log } = parts
  const within = <T>(work: (db: Db) => Promise<T>) => system(work, 'write')
  const mirror = mirrored && createMirror({ ...mirrored, within, feed, log })
  const webhooks = createWebhooks({ ...parts, within, types: () => eventTypes().map(({ type }) => type) })
  const { upkeep: deliveries } = webhooks
  const keeping: Keeping = {
    readers: [...readers, deliveries.plannedUpTo, ...(mirror ? [mirror.filledUpTo] : [])],
    held: deliveries.held,
  }
  const tail = createTail({ read: (work) => system(work, 'read'), feed, log })
  const cleaners = [
    { what: 'events', cleanUp: (days: number, ctx: Parameters<typeof cleanUp>[2]) => cleanUp(days, keeping, ctx) },
    deliveries,
  ]
  return {
    module: defineModule({
      name: 'notifications',
      endpoints: [
        ...events({ eventTypes, tail }),
        ...webhooks.endpoints,
        ...upkeep({ eventTypes, feed, retentionDays, cleaners, deliveriesByState: deliveries.byState }),
      ],
      events: webhooks.events,
      jobs: [cleanUpDaily(retentionDays, keeping, deliveries.removeOld), ...webhooks.jobs],
      on: webhooks.on,
    }),
    start() {
      tail.start()
      mirror?.start()
      webhooks.following.start()
    },
    async stop() {
      await Promise.all([tail.stop(), mirror?.stop(), webhooks.following.stop()])
    },
  }
}
