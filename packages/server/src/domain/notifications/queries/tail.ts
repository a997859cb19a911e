import type { Db } from '../../../core/db.ts'
import type { LoggedEvent } from '../../../core/events.ts'
import type { Feed } from '../../../core/feed/feed.ts'
import { logged } from '../../../core/feed/log.ts'
import { createLoop, type Work } from '../../../core/loop.ts'
import { feedHead } from '../../../core/outbox.ts'

/** What the newest events may take in memory, in number and in bytes; who is further behind reads for itself. */
const maxKept = 2_000
const maxKeptBytes = 8 * 1024 * 1024
const readAtOnce = 500
/** Between two reads, at least. Milliseconds. */
const restMs = 50
/** How often to look whether a signal was missed. Milliseconds. */
const lookMs = 1_000

export type TailParts = Readonly<{
  /** One read across workspaces. */
  read<T>(work: (db: Db) => Promise<T>): Promise<T>
  feed: Pick<Feed, 'onSignal' | 'position'>
  log(message: string, details?: object): void
}>

/** One workspace, as one stream watches it. */
export type Watch = Readonly<{
  /** What came after a position, and up to where that is all; undefined when it is to be read from the database. */
  after(position: number): { events: readonly LoggedEvent[]; upTo: number } | undefined
  /** Wait until there may be more, or the signal is aborted. */
  moved(signal: AbortSignal): Promise<void>
  /** The store was set back to an earlier state: what was told may not have happened. */
  isBroken(): boolean
  end(): void
}>
export type Tail = Readonly<{ watch(workspaceId: string): Watch; start(): void; stop(): Promise<void> }>

type Watched = { from: number; streams: number; broken: boolean; waiting: Set<() => void> }

/**
 * The end of the log, kept in memory while somebody watches: one read at each signal of the feed for all streams of this
 * process, none while there are no streams.
 */
export function createTail({ read, feed, log }: TailParts): Tail {
  const watched = new Map<string, Watched>()
  let kept: LoggedEvent[] = []
  let bytes = 0
  let floor = 0
  let at = -1

  const wake = (one: Watched) => {
    for (const go of [...one.waiting]) go()
  }
  const keep = (events: readonly LoggedEvent[]) => {
    kept.push(...events)
    for (const event of events) bytes += event.bytes
    let dropped = 0
    while (kept.length - dropped > maxKept || bytes > maxKeptBytes) {
      const oldest = kept[dropped++]!
      bytes -= oldest.bytes
      floor = oldest.position
    }
    if (dropped > 0) kept = kept.slice(dropped)
  }
  const beginAt = (head: number) => {
    ;[kept, bytes, floor, at] = [[], 0, head, head]
  }

  const run = async (): Promise<Work> => {
    const workspaceIds = [...watched.keys()]
    if (workspaceIds.length === 0) return { more: false, restMs: 0 }
    const { head, events } = await read(async (db) => {
      const newest = await feedHead(db)
      return {
        head: newest,
        events: at < 0 || at >= newest ? [] : await logged(db, { after: at, upTo: newest, limit: readAtOnce, workspaceIds }),
      }
    })
    const isSetBack = head < at
    const isFresh = at < 0 || isSetBack
    if (isFresh) beginAt(head)
    else {
      keep(events)
      at = events.length === readAtOnce ? events.at(-1)!.position : head
    }
    const told = new Set(events.map(({ workspaceId }) => workspaceId))
    for (const [workspaceId, one] of watched) {
      const isNew = isFresh || !workspaceIds.includes(workspaceId) // it came while this was read
      if (isNew) one.from = at
      one.broken ||= isSetBack
      if (isNew || told.has(workspaceId)) wake(one)
    }
    return { more: at < head, restMs }
  }
  const loop = createLoop(run, (error) => log('streams of events cannot follow just now', { error: String(error) }))
  const look = () => {
    if (watched.size > 0 && feed.position() !== at) loop.wake()
  }
  feed.onSignal(() => watched.size > 0 && loop.wake())
  let timer: NodeJS.Timeout | undefined

  const enter = (workspaceId: string): Watched => {
    if (watched.size === 0) at = -1
    const one = watched.get(workspaceId) ?? { from: at < 0 ? Number.POSITIVE_INFINITY : at, streams: 0, broken: false, waiting: new Set() }
    watched.set(workspaceId, one)
    one.streams++
    loop.wake()
    return one
  }

  return {
    watch(workspaceId) {
      const one = enter(workspaceId)
      let ended = false
      return {
        after(position) {
          if (at < 0 || position < Math.max(one.from, floor)) return undefined
          const first = kept.findLastIndex((event) => event.position <= position) + 1
          return { events: kept.slice(first).filter((event) => event.workspaceId === workspaceId), upTo: Math.max(at, position) }
        },
        moved: (signal) =>
          new Promise((resolve) => {
            if (signal.aborted) return resolve()
            const go = () => {
              signal.removeEventListener('abort', go)
              one.waiting.delete(go)
              resolve()
            }
            one.waiting.add(go)
            signal.addEventListener('abort', go)
          }),
        isBroken: () => one.broken,
        end() {
          if (ended) return
          ended = true
          if (--one.streams === 0) watched.delete(workspaceId)
        },
      }
    },
    start() {
      loop.start()
      timer = setInterval(look, lookMs).unref()
    },
    async stop() {
      clearInterval(timer)
      await loop.stop()
    },
  }
}
