import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import '../tables/webhooks.ts'

/** An active webhook, as far as the planner needs to know it. */
export type Subscription = {
  readonly workspaceId: string
  readonly id: string
  readonly events: readonly string[]
  readonly filter: string | null
  /** null until the event that made it active is met. */
  fromPosition: number | null
}

/** How far deliveries are planned. Undefined while another instance is at it; held until the transaction ends. */
export async function lockProgress(db: Db): Promise<number | undefined> {
  const row = await db.selectFrom('webhookProgress').select('position').forUpdate().skipLocked().executeTakeFirst()
  return row?.position
}

export async function saveProgress(db: Db, position: number): Promise<void> {
  await db.updateTable('webhookProgress').set({ position }).execute()
}

/** All active webhooks, of all workspaces. */
export const activeWebhooks = (db: Db): Promise<Subscription[]> =>
  db.selectFrom('webhook').select(['workspaceId', 'id', 'events', 'filter', 'fromPosition']).where('active', '=', true).execute()

export async function saveFrom(db: Db, { workspaceId, id, fromPosition }: Subscription): Promise<void> {
  await db.updateTable('webhook').set({ fromPosition }).where('workspaceId', '=', workspaceId).where('id', '=', id).execute()
}

export async function noteFilterError(db: Db, { workspaceId, id }: Subscription, detail: string, at: string): Promise<void> {
  await db
    .updateTable('webhookHealth')
    .set({ filterError: detail, filterErrorAt: at })
    .where('workspaceId', '=', workspaceId)
    .where('webhookId', '=', id)
    .execute()
}

/** An event, to be delivered to a webhook. */
export type Planned = Readonly<{
  workspaceId: string
  id: string
  webhookId: string
  eventId: number
  messageId: string
  type: string
  subject: string
  replayId?: string
}>

/**
 * Deliveries that are due now, in one statement; for webhooks that are there, which stay as they are until the transaction
 * ends. One that was made inactive meanwhile is told of replays alone.
 */
export async function addDeliveries(db: Db, planned: readonly Planned[], at: string): Promise<void> {
  if (planned.length === 0) return
  const column = (name: keyof Planned) => planned.map((one) => one[name] ?? null)
  await sql`/*hot:plan_deliveries*/
    with there as (select workspace_id, id, active from webhook where (workspace_id, id) in (
      select * from unnest(${column('workspaceId')}::uuid[], ${column('webhookId')}::uuid[])) for share)
    insert into webhook_delivery (workspace_id, id, webhook_id, event_id, message_id, type, subject, replay_id, state, created_at, scheduled_at, next_attempt_at)
    select d.workspace_id, d.id, d.webhook_id, d.event_id, d.message_id, d.type, d.subject, d.replay_id, 'pending', ${at}::timestamptz, ${at}::timestamptz, ${at}::timestamptz
    from unnest(${column('workspaceId')}::uuid[], ${column('id')}::uuid[], ${column('webhookId')}::uuid[], ${column('eventId')}::bigint[],
      ${column('messageId')}::text[], ${column('type')}::text[], ${column('subject')}::text[], ${column('replayId')}::uuid[])
      as d (workspace_id, id, webhook_id, event_id, message_id, type, subject, replay_id)
    join there on there.workspace_id = d.workspace_id and there.id = d.webhook_id and (there.active or d.replay_id is not null)`.execute(db)
}
