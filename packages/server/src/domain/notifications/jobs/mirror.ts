import type { Db } from '../../../core/db.ts'
import { eventIdOf, type LoggedEvent } from '../../../core/events.ts'
import type { Feed } from '../../../core/feed/feed.ts'
import { logged } from '../../../core/feed/log.ts'
import type { MirrorStream } from '../../../core/feed/mirror-stream.ts'
import { createLoop, type Work } from '../../../core/loop.ts'
import { feedHead } from '../../../core/outbox.ts'
import '../tables/events.ts'

const batch = 500
/** While Redis is away, and between looks at a feed that signalled nothing. Milliseconds. */
const lookMs = 1_000
/** While the stream cannot be filled, because something is in it that this store did not put there. Milliseconds. */
const blockedMs = 10_000

export type MirrorParts = Readonly<{
  stream: MirrorStream
  /** How many events a new stream begins with, at most. */
  maxLength: number
  /** One transaction across workspaces. */
  within<T>(work: (db: Db) => Promise<T>): Promise<T>
  feed: Pick<Feed, 'onSignal' | 'position' | 'isLeader'>
  log(message: string, details?: object): void
}>

export type Mirror = Readonly<{
  start(): void
  stop(): Promise<void>
  /** How far the stream has been filled; Infinity before it was begun. */
  filledUpTo(db: Db): Promise<number>
}>

const entryOf = (event: LoggedEvent) => ({
  position: event.position,
  fields: {
    id: eventIdOf(event),
    workspaceId: event.workspaceId,
    type: event.type,
    subject: event.subject,
    timestamp: event.createdAt,
    data: JSON.stringify(event.data),
    actor: event.actor,
    requestId: event.requestId,
  },
})

const positionOf = async (db: Db, stream: string): Promise<number | undefined> =>
  (await db.selectFrom('eventMirror').select('position').where('stream', '=', stream).executeTakeFirst())?.position

/** What comes next: the events after the stream's position. A new stream begins with those that it can hold. */
async function nextOf(db: Db, { stream: { name }, maxLength }: MirrorParts): Promise<Next> {
  const head = await feedHead(db)
  const known = await positionOf(db, name)
  const position = known ?? Math.max(0, head - maxLength)
  if (known === undefined)
    await db
      .insertInto('eventMirror')
      .values({ stream: name, position })
      .onConflict((conflict) => conflict.column('stream').doNothing())
      .execute()
  return { head, position, isNew: known === undefined, events: await logged(db, { after: position, upTo: head, limit: batch }) }
}
type Next = Readonly<{ head: number; position: number; isNew: boolean; events: readonly LoggedEvent[] }>

/**
 * Mirror the feed to a Redis Stream, where this instance leads the feed. PostgreSQL stays the source: the position is
 * noted there after the entries were added. Killed in between, or with two leaders for a moment, entries are added again
 * and refused by Redis, since their ids are positions.
 */
export function createMirror(parts: MirrorParts): Mirror {
  const { stream, within, feed, log } = parts
  let at = -1
  let trouble: string | undefined
  const tell = (what: string | undefined, details: object = {}) => {
    if (what !== undefined && what !== trouble) log(what, { stream: stream.name, ...details })
    if (what === undefined && trouble !== undefined) log('the Redis stream is filled again', { stream: stream.name })
    trouble = what
  }

  /** @returns false: it is not ours to fill */
  const look = async ({ head, position, events, isNew }: Next): Promise<boolean> => {
    const newest = await stream.newest()
    if (newest > head) {
      tell(
        'the Redis stream has entries that this store did not put there, or that it lost when it was set back: delete the stream, or let REDIS_STREAM name another',
        { newest, head },
      )
      return false
    }
    if (newest < position && !isNew)
      log('the Redis stream was emptied or set back: it goes on from where it was', { stream: stream.name, newest, position })
    const first = events[0]?.position ?? head + 1
    if (first > position + 1)
      log('events were removed for their age before they were mirrored', { stream: stream.name, count: first - position - 1 })
    return true
  }

  const run = async (): Promise<Work> => {
    if (!feed.isLeader()) return { more: false, restMs: 0 }
    if (!stream.isReady()) {
      tell('Redis is away: its stream of events is filled when it is back')
      return { more: true, restMs: lookMs }
    }
    const next = await within((db) => nextOf(db, parts))
    const upTo = next.events.length === batch ? next.events.at(-1)!.position : next.head
    if (upTo > next.position) {
      if (!(await look(next))) return { more: true, restMs: blockedMs }
      if (next.events.length > 0) await stream.append(next.events.map(entryOf))
      await within((db) =>
        db
          .updateTable('eventMirror')
          .set({ position: upTo })
          .where('stream', '=', stream.name)
          .where('position', '=', next.position)
          .execute(),
      )
    }
    tell(undefined)
    at = upTo
    return { more: upTo < next.head, restMs: 0 }
  }
  const loop = createLoop(run, (error) => tell('the Redis stream cannot be filled just now', { error: String(error) }))
  feed.onSignal(() => loop.wake())
  let timer: NodeJS.Timeout | undefined
  return {
    start() {
      loop.start()
      timer = setInterval(() => feed.position() !== at && loop.wake(), lookMs).unref()
    },
    async stop() {
      clearInterval(timer)
      await stream.close()
      await loop.stop()
    },
    filledUpTo: async (db) => (await positionOf(db, stream.name)) ?? Number.POSITIVE_INFINITY,
  }
}
