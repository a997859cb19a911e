import type { Db } from '../../../core/db.ts'
import type { LoggedEvent } from '../../../core/events.ts'
import { loggedByIds } from '../../../core/feed/log.ts'
import { newId } from '../../../core/ids.ts'
import type { Outbound } from '../../../core/outbound.ts'
import { unlessLate } from '../../../core/unless-late.ts'
import type { Vault } from '../model/sealing.ts'
import { type Claim, claimDue, releaseClaims } from '../store/claims.ts'
import { eventGone, type Finished, finished } from './recording.ts'
import { send } from './sending.ts'

export type AttemptParts = Readonly<{
  /** One transaction across workspaces. */
  within<T>(work: (db: Db) => Promise<T>): Promise<T>
  outbound: Pick<Outbound, 'request'>
  vault: Vault
  now: () => string
  log(message: string, details?: object): void
}>

export type Attempts = Readonly<{
  /** How many are under way here. */
  size(): number
  /** Whether something that was claimed last was late by half a minute. */
  isLate(): boolean
  /** Claim what is due, so many at most, and begin to send it. @returns what comes of each; undefined for one that broke off */
  begin(total: number, workspaceId?: string): Promise<Promise<Finished | undefined>[]>
  /** Wait for those that are under way, then break off the rest. @returns their claims, to be given back by `release` */
  end(graceMs: number): Promise<readonly string[]>
  release(tokens: readonly string[]): Promise<void>
}>

/** Of one webhook so many are under way here at most. */
const each = 8
const lateMs = 30_000

/** What this instance is sending. @param over told of each attempt that is over; undefined for one that broke off */
export function createAttempts({ within, outbound, vault, now, log }: AttemptParts, over: (one: Finished | undefined) => void): Attempts {
  /** How many of a webhook are under way. */
  const busy = new Map<string, number>()
  const running = new Map<Promise<unknown>, string>()
  const stopping = new AbortController()
  let isLate = false

  const count = (webhookId: string, by: number) => {
    const next = (busy.get(webhookId) ?? 0) + by
    if (next > 0) busy.set(webhookId, next)
    else busy.delete(webhookId)
  }

  const attempt = async (claim: Claim, event: LoggedEvent | undefined): Promise<Finished | undefined> => {
    const at = now()
    if (!event) return eventGone(claim, at)
    const sent = await send({ ...claim, event }, at, { outbound, vault, signal: stopping.signal })
    return sent.answered.failure === 'aborted' ? undefined : finished(claim, sent, at, now())
  }

  const start = (claim: Claim, event: LoggedEvent | undefined): Promise<Finished | undefined> => {
    count(claim.webhookId, 1)
    const going = attempt(claim, event)
      .catch((error: Error) => {
        log('an attempt to deliver broke off; it is made again', { err: error, delivery: claim.id })
        return undefined
      })
      .then((one) => {
        count(claim.webhookId, -1)
        running.delete(going)
        over(one)
        return one
      })
    running.set(going, claim.token)
    return going
  }

  return {
    size: () => running.size,
    isLate: () => isLate,
    async begin(total, workspaceId) {
      const token = newId()
      const { claims, events } = await within(async (db) => {
        const claims = await claimDue(db, { now: now(), token, total, each, busy, workspaceId })
        return { claims, events: await loggedByIds(db, [...new Set(claims.flatMap(({ eventId }) => eventId ?? []))]) }
      })
      const time = Date.parse(now())
      isLate = claims.some(({ dueAt }) => time - Date.parse(dueAt) > lateMs)
      return claims.map((one) => start(one, one.eventId === null ? undefined : events.get(one.eventId)))
    },
    async end(graceMs) {
      const all = () => Promise.allSettled([...running.keys()])
      await unlessLate(graceMs, all())
      const tokens = [...running.values()]
      stopping.abort()
      await all()
      return tokens
    },
    release: async (tokens) => {
      if (tokens.length > 0) await within((db) => releaseClaims(db, tokens))
    },
  }
}
