import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { openMs } from '../model/health.ts'
import '../tables/webhooks.ts'

/** A delivery that this instance alone may attempt, for as long as its lease. */
export type Claim = Readonly<{
  workspaceId: string
  id: string
  webhookId: string
  eventId: number | null
  messageId: string
  type: string
  subject: string
  /** Before this attempt. */
  tries: number
  attempts: number
  dueAt: string
  url: string
  headers: string | null
  timeoutMs: number
  retrySchedule: number[] | null
  secrets: readonly Readonly<{ id: string; sealed: string }>[]
  token: string
}>

/** Beside the attempt's own time: for the way to the receiver and the record. Milliseconds. */
const leaseMs = 4_000
/** A time that lies further ahead than this was written by a clock that was set back since. Milliseconds. */
const aheadMs = 60_000

const later = (now: string, ms: number): string => new Date(Date.parse(now) + ms).toISOString()

/**
 * Claim what is due, in one statement: of each webhook its share, so that a receiver that hangs leaves the others theirs.
 * The index is walked webhook by webhook (a loose index scan), over those that have something pending. Behind an open
 * breaker, once its time is up, one goes as a probe, and the next has to wait for another pause.
 * @param room how many at most, in all and of one webhook
 * @param busy how many of a webhook are under way here
 * @param workspaceId of this one alone
 */
export async function claimDue(
  db: Db,
  {
    now,
    token,
    total,
    each,
    busy,
    workspaceId,
  }: { now: string; token: string; total: number; each: number; busy: ReadonlyMap<string, number>; workspaceId?: string | undefined },
): Promise<Claim[]> {
  const { rows } = await sql<Omit<Claim, 'token'>>`/*hot:claim_deliveries*/
    with recursive waiting as (
      (select webhook_id from webhook_delivery where state = 'pending' order by webhook_id limit 1)
      union all
      select (select d.webhook_id from webhook_delivery d where d.state = 'pending' and d.webhook_id > w.webhook_id order by d.webhook_id limit 1)
      from waiting w where w.webhook_id is not null),
    busy as (select * from unnest(${[...busy.keys()]}::uuid[], ${[...busy.values()]}::int[]) as b (webhook_id, n)),
    open as (
      select h.workspace_id, h.webhook_id, h.tripped,
        case when h.tripped or h.slow_until > ${now}::timestamptz then 1 else ${each}::int end - coalesce(b.n, 0) as room
      from waiting join webhook_health h using (webhook_id) join webhook w on w.workspace_id = h.workspace_id and w.id = h.webhook_id
      left join busy b using (webhook_id)
      where w.active and (h.blocked_until is null or h.blocked_until <= ${now}::timestamptz)
        and (${workspaceId ?? null}::uuid is null or h.workspace_id = ${workspaceId ?? null}::uuid)
      order by random()),
    due as (
      select d.* from open cross join lateral (
        select d.workspace_id, d.id, d.webhook_id from webhook_delivery d
        where d.state = 'pending' and d.webhook_id = open.webhook_id and d.next_attempt_at <= ${now}::timestamptz
          and (d.claimed_until is null or d.claimed_until <= ${now}::timestamptz)
        order by d.next_attempt_at limit greatest(open.room, 0) for update skip locked) d
      limit ${total}),
    probed as (
      update webhook_health h set blocked_until = ${later(now, openMs)}, blocked_at = ${now}
      from open where h.workspace_id = open.workspace_id and h.webhook_id = open.webhook_id and h.tripped
        and (h.blocked_until is null or h.blocked_until <= ${now}::timestamptz) and h.webhook_id in (select webhook_id from due)
      returning h.webhook_id),
    claimed as (
      update webhook_delivery d set claim_token = ${token}, claimed_at = ${now}::timestamptz,
        claimed_until = ${now}::timestamptz + (w.timeout_ms + ${leaseMs}) * interval '1 millisecond'
      from due join open on open.webhook_id = due.webhook_id join webhook w on w.workspace_id = due.workspace_id and w.id = due.webhook_id
      where d.workspace_id = due.workspace_id and d.id = due.id and (not open.tripped or due.webhook_id in (select webhook_id from probed))
      returning d.workspace_id, d.id, d.webhook_id, d.event_id, d.message_id, d.type, d.subject, d.tries, d.attempts, d.next_attempt_at as due_at,
        w.url, w.headers, w.timeout_ms, w.retry_schedule)
    select c.*, (select coalesce(json_agg(json_build_object('id', s.id, 'sealed', s.sealed) order by s.created_at desc), '[]') from webhook_secret s
      where s.workspace_id = c.workspace_id and s.webhook_id = c.webhook_id and (s.expires_at is null or s.expires_at > ${now}::timestamptz)) as secrets
    from claimed c`.execute(db)
  return rows.map((row) => ({ ...row, token }))
}

/** Give back what was claimed and not attempted, or not to its end: it is due at once, for whoever comes. */
export async function releaseClaims(db: Db, tokens: readonly string[]): Promise<void> {
  await db
    .updateTable('webhookDelivery')
    .set({ claimToken: null, claimedUntil: null, claimedAt: null })
    .where('state', '=', 'pending')
    .where(sql<boolean>`claim_token = any(${tokens}::uuid[])`)
    .execute()
}

/**
 * A clock that was set back: what was written by it lies ahead and would wait for it to come there again. It is due now,
 * nobody has it, and no receiver is held.
 * @returns how many deliveries
 */
export async function forgetFuture(db: Db, now: string): Promise<number> {
  const border = later(now, aheadMs)
  const { numUpdatedRows } = await db
    .updateTable('webhookDelivery')
    .set({ nextAttemptAt: now, scheduledAt: now, claimToken: null, claimedAt: null, claimedUntil: null })
    .where('state', '=', 'pending')
    .where((where) => where.or([where('scheduledAt', '>', border), where('claimedAt', '>', border)]))
    .executeTakeFirst()
  await db
    .updateTable('webhookHealth')
    .set({ blockedAt: null, blockedUntil: null, slowUntil: null })
    .where('blockedAt', '>', border)
    .execute()
  return Number(numUpdatedRows)
}
