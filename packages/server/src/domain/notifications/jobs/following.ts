import type { Db } from '../../../core/db.ts'
import { newestUnplaced } from '../../../core/feed/log.ts'
import { createPace } from '../../../core/feed/pace.ts'
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

/** While many write the planner stands back for them, and so do deliveries. */
const limits = { busyPerSecond: 400, sampleMs: 200, busyRest: 10, behindRest: 4, behindMs: 5_000, longestRestMs: 1_000 }
const lookMs = 1_000
/** How long `process` goes on. Milliseconds. */
const processMs = 20_000

/** Follow the change feed: plan deliveries (one instance of the cluster), and deliver (each of them). */
export function createDeliveryFollowing({ feed, expressions, ...parts }: Parts): DeliveryFollowing {
  const { within, now, log } = parts
  const pass = createPlanner({ expressions, now })
  let seen = -1
  const pace = createPace(limits, now)
  const isBusy = () => {
    pace.note(feed.position())
    return pace.isBusy()
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
    pace.note(feed.position())
    return { more: done.more, restMs: pace.restMs(performance.now() - startedAt, done.since) }
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
        pace.note(feed.position())
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
