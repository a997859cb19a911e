import type { Db } from '../../core/db.ts'
import type { ListedEvent } from '../../core/events.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { defineModule, type Module } from '../../core/module.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import { cleanUp } from './commands/clean-up.ts'
import { cleanUpDaily } from './jobs/clean-up.ts'
import { createMirror, type MirrorStream } from './jobs/mirror.ts'
import { createTail } from './queries/tail.ts'
import { events } from './routes/events.ts'
import { upkeep } from './routes/upkeep.ts'
import type { Keeping } from './store/old-events.ts'

export type NotificationsParts = Readonly<{
  /** Every type of event that any context tells. */
  eventTypes(): readonly ListedEvent[]
  system: AcrossWorkspaces
  feed: Pick<Feed, 'onSignal' | 'position' | 'lag' | 'isLeader'>
  /** Events that are older are removed each night. */
  retentionDays: number
  /** How far others who follow the feed by a position of their own have read: what comes after is never removed. */
  readers: readonly ((db: Db) => Promise<number>)[]
  /** A Redis Stream to which the feed is mirrored, and how many entries it keeps, about. */
  mirrored?: Readonly<{ stream: MirrorStream; maxLength: number }> | undefined
  log(message: string, details?: object): void
}>

export type Notifications = Readonly<{ module: Module; start(): void; stop(): Promise<void> }>

/** What happened, told to those who want to know: the event log, its streams, and events of callers' own. */
export function notifications({ eventTypes, system, feed, retentionDays, readers, mirrored, log }: NotificationsParts): Notifications {
  const mirror = mirrored && createMirror({ ...mirrored, within: (work) => system(work, 'write'), feed, log })
  const keeping: Keeping = { readers: mirror ? [...readers, mirror.filledUpTo] : readers, held: async () => new Set() }
  const tail = createTail({ read: (work) => system(work, 'read'), feed, log })
  const cleaners = [{ what: 'events', cleanUp: (days: number, ctx: Parameters<typeof cleanUp>[2]) => cleanUp(days, keeping, ctx) }]
  return {
    module: defineModule({
      name: 'notifications',
      endpoints: [...events({ eventTypes, tail }), ...upkeep({ eventTypes, feed, retentionDays, cleaners })],
      jobs: [cleanUpDaily(retentionDays, keeping)],
    }),
    start() {
      tail.start()
      mirror?.start()
    },
    async stop() {
      await Promise.all([tail.stop(), mirror?.stop()])
    },
  }
}
