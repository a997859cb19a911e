import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { AttemptHeaders } from '../model/deliveries.ts'
import type { Health } from '../model/health.ts'
import { healthColumns } from './webhooks.ts'
import '../tables/webhooks.ts'

/** What is kept of an attempt. */
export type Recorded = Readonly<{
  workspaceId: string
  deliveryId: string
  webhookId: string
  token: string
  attempt: number
  at: string
  tookMs: number
  ok: boolean
  failure: string | null
  detail: string | null
  status: number | null
  address: string | null
  requestHeaders: AttemptHeaders
  responseHeaders: AttemptHeaders | null
  responseBody: string | null
  truncated: boolean
  /** null: none is to come. */
  nextAttemptAt: string | null
}>

/**
 * Write attempts down and what becomes of their deliveries, in one statement. Whoever has lost the lease meanwhile writes
 * nothing: the token is another one then.
 * @returns the ids of the deliveries that were this instance's to write
 */
export async function recordAttempts(db: Db, recorded: readonly Recorded[], now: string): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`/*hot:record_attempts*/
    with given as (select * from jsonb_to_recordset(${JSON.stringify(recorded)}::jsonb) as g ("workspaceId" uuid, "deliveryId" uuid, token uuid,
      attempt int, at timestamptz, "tookMs" int, ok boolean, failure text, detail text, status int, address text, "requestHeaders" jsonb,
      "responseHeaders" jsonb, "responseBody" text, truncated boolean, "nextAttemptAt" timestamptz)),
    mine as (
      update webhook_delivery d set attempts = g.attempt, tries = d.tries + 1, claim_token = null, claimed_at = null, claimed_until = null,
        state = case when g.ok then 'succeeded' when g."nextAttemptAt" is null then 'failed' else 'pending' end,
        next_attempt_at = g."nextAttemptAt", scheduled_at = ${now}::timestamptz,
        finished_at = case when g."nextAttemptAt" is null then ${now}::timestamptz end
      from given g where d.workspace_id = g."workspaceId" and d.id = g."deliveryId" and d.claim_token = g.token and d.state = 'pending'
      returning d.workspace_id, d.id),
    written as (
      insert into webhook_attempt (workspace_id, delivery_id, attempt, at, took_ms, failure, detail, status, address, request_headers,
        response_headers, response_body, truncated, next_attempt_at)
      select g."workspaceId", g."deliveryId", g.attempt, g.at, g."tookMs", g.failure, g.detail, g.status, g.address, g."requestHeaders",
        g."responseHeaders", g."responseBody", g.truncated, g."nextAttemptAt"
      from given g join mine on mine.workspace_id = g."workspaceId" and mine.id = g."deliveryId")
    select id from mine`.execute(db)
  return new Set(rows.map(({ id }) => id))
}

export type OwnHealth = Health & Readonly<{ workspaceId: string; webhookId: string }>

/** How some receivers do; held until the transaction ends, in one order for all. */
export const lockHealth = (db: Db, webhookIds: readonly string[]): Promise<OwnHealth[]> =>
  db
    .selectFrom('webhookHealth')
    .select(['workspaceId', 'webhookId', ...healthColumns])
    .where('webhookId', 'in', webhookIds)
    .orderBy('workspaceId')
    .orderBy('webhookId')
    .forUpdate()
    .execute()

export async function saveHealth(db: Db, health: readonly OwnHealth[]): Promise<void> {
  if (health.length === 0) return
  await sql`/*hot:save_health*/
    update webhook_health h set minutes = g.minutes, tripped = g.tripped, blocked_at = g."blockedAt", blocked_until = g."blockedUntil",
      slow_until = g."slowUntil", failing_since = g."failingSince", failures = g.failures, last_success_at = g."lastSuccessAt"
    from jsonb_to_recordset(${JSON.stringify(health)}::jsonb) as g ("workspaceId" uuid, "webhookId" uuid, minutes jsonb, tripped boolean,
      "blockedAt" timestamptz, "blockedUntil" timestamptz, "slowUntil" timestamptz, "failingSince" timestamptz, failures int, "lastSuccessAt" timestamptz)
    where h.workspace_id = g."workspaceId" and h.webhook_id = g."webhookId"`.execute(db)
}
