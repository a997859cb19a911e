import type { Db } from '../../../core/db.ts'
import { afterOutcomes } from '../model/health.ts'
import { type Judged, judge, textOf } from '../model/outcomes.ts'
import { pauseAfter } from '../model/schedule.ts'
import type { Claim } from '../store/claims.ts'
import { lockHealth, type Recorded, recordAttempts, saveHealth } from '../store/records.ts'
import type { Sent } from './sending.ts'

/** An attempt that is over, and what came of it. */
export type Finished = Readonly<{ recorded: Recorded; judged: Judged }>

/** What is to be written down of an attempt. @param at when it began, and `now` when it was over: RFC 3339 */
export function finished(claim: Claim, { answered, requestHeaders }: Sent, at: string, now: string): Finished {
  const judged = judge(answered, Date.parse(now))
  const { tries, retrySchedule } = claim
  const pause =
    judged.ok || judged.gone ? undefined : pauseAfter(tries + 1, retrySchedule, { retryAfterMs: judged.waitMs, random: Math.random() })
  const { status, headers, body, truncated = false, address, tookMs } = answered
  const recorded: Recorded = {
    workspaceId: claim.workspaceId,
    deliveryId: claim.id,
    webhookId: claim.webhookId,
    token: claim.token,
    attempt: claim.attempts + 1,
    at,
    tookMs,
    ok: judged.ok,
    failure: judged.failure,
    detail: judged.detail,
    status: status ?? null,
    address: address ?? null,
    requestHeaders,
    responseHeaders: headers ? storable(headers) : null,
    responseBody: body ? textOf(body) : null,
    truncated,
    nextAttemptAt: pause === undefined ? null : new Date(Date.parse(now) + pause).toISOString(),
  }
  return { recorded, judged }
}

/** An event that was deleted meanwhile can never be sent. */
export const eventGone = (claim: Claim, at: string): Finished => {
  const detail = 'The event was deleted before it could be sent.'
  const sent = { answered: { failure: 'event_gone', detail, tookMs: 0 }, requestHeaders: {} }
  const { recorded, judged } = finished({ ...claim, retrySchedule: [] }, sent, at, at)
  return { recorded, judged }
}

const storable = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replaceAll('\0', '�')]))

/** A webhook that is to be given up. */
export type GivenUp = Readonly<{ workspaceId: string; id: string; reason: 'gone' | 'failing' }>

/**
 * Write down what came of attempts, and what that says of their receivers: one transaction. Outcomes of whoever has lost
 * the lease count for nothing.
 * @param db across workspaces
 */
export async function recordAll(db: Db, all: readonly Finished[], now: string): Promise<GivenUp[]> {
  const written = await recordAttempts(
    db,
    all.map(({ recorded }) => recorded),
    now,
  )
  const counted = all.filter(({ recorded, judged }) => written.has(recorded.deliveryId) && judged.failure !== 'event_gone')
  if (counted.length === 0) return []
  const byWebhook = Map.groupBy(counted, ({ recorded }) => recorded.webhookId)
  const health = await lockHealth(db, [...byWebhook.keys()].sort())
  const next = health.map((before) => ({
    before,
    ...afterOutcomes(
      before,
      byWebhook.get(before.webhookId)!.map(({ judged }) => judged),
      now,
    ),
  }))
  await saveHealth(
    db,
    next.map(({ before, next: after }) => ({ ...after, workspaceId: before.workspaceId, webhookId: before.webhookId })),
  )
  return next.flatMap(({ before, giveUp }) => (giveUp ? [{ workspaceId: before.workspaceId, id: before.webhookId, reason: giveUp }] : []))
}
