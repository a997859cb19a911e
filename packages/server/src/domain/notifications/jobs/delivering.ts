import type { Db } from '../../../core/db.ts'
import { newId } from '../../../core/ids.ts'
import { createLoop, type Work } from '../../../core/loop.ts'
import type { Outbound } from '../../../core/outbound.ts'
import { eventsWhole, type ToldEvent } from '../../../core/outbox-reading.ts'
import type { Vault } from '../model/sealing.ts'
import { type Claim, claimDue, forgetFuture, releaseClaims } from '../store/claims.ts'
import { eventGone, type Finished, finished, type GivenUp, recordAll } from './recording.ts'
import { send } from './sending.ts'

type Within = <T>(work: (db: Db) => Promise<T>) => Promise<T>

export type DeliveringParts = Readonly<{
  /** One transaction across workspaces. */
  within: Within
  outbound: Pick<Outbound, 'request'>
  vault: Vault
  now: () => string
  /** Whether those who make changes come first just now. */
  isBusy(): boolean
  giveUp(webhook: GivenUp): Promise<void>
  log(message: string, details?: object): void
}>

export type Processed = { processed: number; succeeded: number; failed: number; more: boolean }
export type Delivering = Readonly<{
  start(): void
  wake(): void
  stop(): Promise<void>
  /** Attempt all that is due now in a workspace, and wait until it is written down. */
  process(workspaceId: string, untilMs: number): Promise<Processed>
}>

/** Attempts under way here at most, in all and for one webhook. */
const most = 400
const each = 8
/** Between two looks for what is due. Milliseconds. */
const restMs = 50
/** When others come first: so many in so long, twice as many once some are late by half a minute. */
const calmly = { attempts: 10, restMs: 100 }
const lateMs = 30_000
const recordedAtOnce = 100
/** At the end attempts get this long, then they are broken off and given back. Milliseconds. */
const graceMs = 3_000

/** Sends what is due, in the background of each instance. What is claimed is leased: an instance that dies loses nothing. */
export function createDelivering({ within, outbound, vault, now, isBusy, giveUp, log }: DeliveringParts): Delivering {
  const busy = new Map<string, number>()
  const running = new Map<Promise<unknown>, string>()
  const done: Finished[] = []
  const stopping = new AbortController()
  let isLate = false

  const count = (webhookId: string, by: number) => {
    const next = (busy.get(webhookId) ?? 0) + by
    if (next > 0) busy.set(webhookId, next)
    else busy.delete(webhookId)
  }

  const attempt = async (claim: Claim, event: ToldEvent | undefined): Promise<Finished | undefined> => {
    const at = now()
    if (!event) return eventGone(claim, at)
    const sent = await send({ ...claim, event }, at, { outbound, vault, signal: stopping.signal })
    return sent.answered.failure === 'aborted' ? undefined : finished(claim, sent, at, now())
  }

  /** Begin an attempt; it is written down when it is over. */
  const begin = (claim: Claim, event: ToldEvent | undefined): Promise<Finished | undefined> => {
    count(claim.webhookId, 1)
    const going = attempt(claim, event)
      .then((one) => {
        if (one) done.push(one)
        return one
      })
      .catch((error: Error) => {
        log('an attempt to deliver broke off; it is made again', { err: error, delivery: claim.id })
        return undefined
      })
      .finally(() => {
        count(claim.webhookId, -1)
        running.delete(going)
        record.wake()
        deliver.wake()
      })
    running.set(going, claim.token)
    return going
  }

  const claim = async (total: number, workspaceId?: string): Promise<Promise<Finished | undefined>[]> => {
    const token = newId()
    const { claims, events } = await within(async (db) => {
      const claims = await claimDue(db, { now: now(), token, total, each, busy, workspaceId })
      return { claims, events: await eventsWhole(db, [...new Set(claims.flatMap(({ eventId }) => eventId ?? []))]) }
    })
    const time = Date.parse(now())
    isLate = claims.some(({ dueAt }) => time - Date.parse(dueAt) > lateMs)
    return claims.map((one) => begin(one, one.eventId === null ? undefined : events.get(one.eventId)))
  }

  const look = async (): Promise<Work> => {
    const calm = isBusy()
    const room = Math.min(most - running.size, calm ? calmly.attempts * (isLate ? 2 : 1) : most)
    if (room <= 0) return { more: false, restMs } // woken when one is over
    const begun = await claim(room)
    return { more: begun.length > 0, restMs: calm ? calmly.restMs : restMs }
  }

  const write = async (): Promise<Work> => {
    const all = done.splice(0, recordedAtOnce)
    if (all.length === 0) return { more: false, restMs: 0 }
    const givenUp = await within((db) => recordAll(db, all, now())).catch((error) => {
      done.unshift(...all)
      throw error
    })
    for (const webhook of givenUp)
      await giveUp(webhook).catch((error) => log('a webhook could not be given up; its next failure will', { err: error }))
    return { more: done.length > 0, restMs: isBusy() ? calmly.restMs : 5 }
  }

  const deliver = createLoop(look, (error) => log('what is due cannot be delivered just now', { err: error }))
  const record = createLoop(write, (error) => log('what came of deliveries cannot be written down just now', { err: error }))
  const watch = watchClock(now, async () => {
    const count = await within((db) => forgetFuture(db, now()))
    if (count > 0) log('the clock was set back; deliveries that waited for it are due now', { count })
    deliver.wake()
  })

  return {
    start() {
      deliver.start()
      record.start()
      watch.start()
    },
    wake: () => deliver.wake(),
    async process(workspaceId, untilMs) {
      const end = performance.now() + untilMs
      const total: Processed = { processed: 0, succeeded: 0, failed: 0, more: false }
      for (;;) {
        const outcomes = (await Promise.all(await claim(most, workspaceId))).filter((one) => one !== undefined)
        while (done.length > 0) await write()
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
      await Promise.race([Promise.allSettled([...running.keys()]), new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
      const tokens = [...running.values()]
      stopping.abort()
      await Promise.allSettled([...running.keys()])
      await record.stop()
      try {
        while (done.length > 0) await write()
        if (tokens.length > 0) await within((db) => releaseClaims(db, tokens))
      } catch (error) {
        log('deliveries could not be given back at the end; they are due again when their leases are over', { err: error })
      }
    },
  }
}

const watchMs = 1_000
/** Also without a jump seen here, times of another instance's clock are looked after this often. Milliseconds. */
const regularlyMs = 60_000

/** Notice that the clock was set back: by what passed on a clock that never is. */
function watchClock(now: () => string, setBack: () => Promise<void>): Readonly<{ start(): void; stop(): void }> {
  let timer: NodeJS.Timeout | undefined
  let last = { wall: Date.parse(now()), steady: performance.now() }
  let lookedAt = performance.now()
  const look = () => {
    const present = { wall: Date.parse(now()), steady: performance.now() }
    const jumped = present.wall - last.wall < present.steady - last.steady - 5_000
    last = present
    if (!jumped && present.steady - lookedAt < regularlyMs) return
    lookedAt = present.steady
    setBack().catch(() => undefined) // the next look will
  }
  return {
    start() {
      timer = setInterval(look, watchMs).unref()
    },
    stop: () => clearInterval(timer),
  }
}
