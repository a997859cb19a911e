import type { Db } from '../../../core/db.ts'
import { newestUnplaced } from '../../../core/feed/log.ts'
import { createLoop, type Work } from '../../../core/loop.ts'
import { createDelivering, type DeliveringParts, type Processed } from './delivering.ts'
import { createPlanner, type PlanPass } from './planning.ts'

export type DeliveryFeed = Readonly<{
  /** Called whenever the feed has moved. */
  onSignal(listener: () => void): void
  /** The newest position that this instance knows. */
  position(): number
}>

type Parts = Omit<DeliveringParts, 'isBusy'> & Parameters<typeof createPlanner>[0] & Readonly<{ feed: DeliveryFeed }>

export type DeliveryFollowing = Readonly<{
  start(): void
  stop(): Promise<void>
  /** What is planned is due: look for it. */
  wake(): void
  /** Plan all that has happened, then attempt all that is due in a workspace. */
  process(workspaceId: string): Promise<Processed>
}>

/** Above so many events a second those who make them come first, until it has been calm for a while. */
const busyPerSecond = 400
const calmMs = 2_000
/** The planner rests so many times as long as it worked then, less when it has fallen behind. */
const busyRest = 10
const behindMs = 5_000
const behindRest = 4
const longestRestMs = 1_000
const lookMs = 1_000
/** How long `process` goes on. Milliseconds. */
const processMs = 20_000

/** Follow the change feed: plan deliveries (one instance of the cluster), and deliver (each of them). */
export function createDeliveryFollowing({ feed, expressions, ...parts }: Parts): DeliveryFollowing {
  const { within, now, log } = parts
  const pass = createPlanner({ expressions, now })
  let seen = -1
  let last = { position: -1, at: performance.now() }
  let busyUntil = 0
  const noteLoad = () => {
    const [position, at] = [feed.position(), performance.now()]
    if (at - last.at < 200) return
    const perSecond = (position - last.position) / ((at - last.at) / 1_000)
    if (last.position >= 0 && perSecond > busyPerSecond) busyUntil = at + calmMs
    last = { position, at }
  }
  const isBusy = () => {
    noteLoad()
    return performance.now() < busyUntil
  }
  const delivering = createDelivering({ ...parts, isBusy })

  const planOnce = (): Promise<PlanPass | undefined> => within((db: Db) => pass(db))
  const plan = async (): Promise<Work> => {
    const startedAt = performance.now()
    const position = feed.position()
    const done = await planOnce()
    if (!done) return { more: true, restMs: lookMs } // another instance is at it
    seen = Math.max(position, done.head)
    if (done.planned > 0) delivering.wake()
    if (!isBusy()) return { more: done.more, restMs: 0 }
    const behind = done.since !== undefined && Date.parse(now()) - Date.parse(done.since) > behindMs
    return { more: done.more, restMs: Math.min(longestRestMs, (performance.now() - startedAt) * (behind ? behindRest : busyRest)) }
  }
  /** Wait until what is committed now has its place in the feed, which takes a tenth of a second. */
  const placed = async (end: number): Promise<void> => {
    let newest = await within((db) => newestUnplaced(db))
    while (newest !== null && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      const upTo = newest
      newest = await within((db) => newestUnplaced(db, upTo))
    }
  }
  const planning = createLoop(plan, (error) => log('deliveries cannot be planned just now', { err: error }))
  feed.onSignal(() => planning.wake())
  let timer: NodeJS.Timeout | undefined

  return {
    start() {
      planning.start()
      delivering.start()
      timer = setInterval(() => {
        noteLoad()
        if (feed.position() > seen) planning.wake()
        delivering.wake()
      }, lookMs).unref()
    },
    wake: () => delivering.wake(),
    async process(workspaceId) {
      const end = performance.now() + processMs / 2
      await placed(end)
      for (let target = -1; performance.now() < end; ) {
        const done = await planOnce()
        if (done && target < 0) target = done.head
        if (done && (done.position >= target || !done.more)) break
        if (!done) await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return delivering.process(workspaceId, processMs)
    },
    async stop() {
      clearInterval(timer)
      await planning.stop()
      await delivering.stop()
    },
  }
}
