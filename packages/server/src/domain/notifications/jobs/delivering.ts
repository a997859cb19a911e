import { createLoop, type Work } from '../../../core/loop.ts'
import { forgetFuture } from '../store/claims.ts'
import { type AttemptParts, createAttempts } from './attempts.ts'
import { watchClock } from './clock.ts'
import { type Finished, type GivenUp, recordAll } from './recording.ts'

export type DeliveringParts = AttemptParts &
  Readonly<{
    /** Whether those who make changes come first just now. */
    isBusy(): boolean
    giveUp(webhook: GivenUp): Promise<void>
  }>

export type Processed = { processed: number; succeeded: number; failed: number; more: boolean }
export type Delivering = Readonly<{
  start(): void
  wake(): void
  stop(): Promise<void>
  /** Attempt all that is due now in a workspace, and wait until it is written down. */
  process(workspaceId: string, untilMs: number): Promise<Processed>
}>

/** Attempts under way here at most. */
const most = 400
/** Between two looks for what is due. Milliseconds. */
const restMs = 50
/** When others come first: so many in so long, twice as many once some are late. */
const calmly = { attempts: 20, restMs: 250 }
const recordedAtOnce = 100
/** At the end attempts get this long, then they are broken off and given back. Milliseconds. */
const graceMs = 3_000

/** Sends what is due, in the background of each instance. What is claimed is leased: an instance that dies loses nothing. */
export function createDelivering({ isBusy, giveUp, ...parts }: DeliveringParts): Delivering {
  const { within, now, log } = parts
  const done: Finished[] = []
  /** What is being written down just now. */
  let writing: Promise<unknown> = Promise.resolve()
  const attempts = createAttempts(parts, (one) => {
    if (one) done.push(one)
    record.wake()
    deliver.wake()
  })

  const look = async (): Promise<Work> => {
    const calm = isBusy()
    const room = Math.min(most - attempts.size(), calm ? calmly.attempts * (attempts.isLate() ? 2 : 1) : most)
    if (room <= 0) return { more: false, restMs } // woken when one is over
    const begun = await attempts.begin(room)
    return { more: begun.length > 0, restMs: calm ? calmly.restMs : restMs }
  }
  const write = async (): Promise<Work> => {
    const all = done.splice(0, recordedAtOnce)
    if (all.length === 0) return { more: false, restMs: 0 }
    const written = within((db) => recordAll(db, all, now()))
    writing = Promise.allSettled([writing, written])
    const givenUp = await written.catch((error) => {
      done.unshift(...all)
      throw error
    })
    for (const webhook of givenUp)
      await giveUp(webhook).catch((error) => log('a webhook could not be given up; its next failure will', { err: error }))
    return { more: done.length > 0, restMs: isBusy() ? calmly.restMs : 5 }
  }
  const writeAll = async () => {
    while (done.length > 0) await write()
    await writing
  }
  const deliver = createLoop(look, (error) => log('what is due cannot be delivered just now', { err: error }))
  const record = createLoop(write, (error) => log('what came of deliveries cannot be written down just now', { err: error }))
  const watch = watchClock(now, async () => {
    const count = await within((db) => forgetFuture(db, now()))
    if (count > 0) log('the clock was set back; deliveries that waited for it are due now', { count })
    deliver.wake()
  })

  return {
    start: () => [deliver, record, watch].forEach((one) => void one.start()),
    wake: () => deliver.wake(),
    async process(workspaceId, untilMs) {
      const end = performance.now() + untilMs
      const total: Processed = { processed: 0, succeeded: 0, failed: 0, more: false }
      for (;;) {
        const outcomes = (await Promise.all(await attempts.begin(most, workspaceId))).filter((one) => one !== undefined)
        await writeAll()
        if (outcomes.length === 0) return total
        total.processed += outcomes.length
        total.succeeded += outcomes.filter(({ judged }) => judged.ok).length
        total.failed = total.processed - total.succeeded
        if (performance.now() > end) return { ...total, more: true }
      }
    },
    async stop() {
      watch.stop()
      await deliver.stop()
      const left = await attempts.end(graceMs)
      await record.stop()
      await writeAll()
        .then(() => attempts.release(left))
        .catch((error) =>
          log('deliveries could not be given back at the end; they are due again when their leases are over', { err: error }),
        )
    },
  }
}
