import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import type { Attempt } from '../model/deliveries.ts'
import { DeliveryNotFound } from '../model/webhook-failures.ts'
import '../tables/webhooks.ts'

export function deliveryMissing(id: string): never {
  throw new AppError(DeliveryNotFound, `There is no delivery ${id} of this webhook.`)
}

/** A finished delivery that no event stands behind. */
export type TestDelivery = Readonly<{
  id: string
  webhookId: string
  messageId: string
  type: string
  at: string
  attempt: Omit<Attempt, 'attempt' | 'nextAttemptAt'>
}>

export const deliveryStore = (tx: Db) => ({
  /** @throws DeliveryNotFound */
  async lock(webhookId: string, id: string): Promise<{ id: string; eventId: number | null; state: string }> {
    const row = await tx
      .selectFrom('webhookDelivery')
      .select(['id', 'eventId', 'state'])
      .where('webhookId', '=', webhookId)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst()
    return row ?? deliveryMissing(id)
  },

  /** Due now, with all its tries before it again. One that is under way is attempted once more after that. */
  async makeDue(ids: readonly string[], at: string, replayId?: string): Promise<void> {
    if (ids.length === 0) return
    await tx
      .updateTable('webhookDelivery')
      .set({
        state: 'pending',
        tries: 0,
        scheduledAt: at,
        nextAttemptAt: at,
        finishedAt: null,
        claimToken: null,
        claimedAt: null,
        claimedUntil: null,
        ...(replayId && { replayId }),
      })
      .where('id', 'in', ids)
      .execute()
  },

  async addTest({ id, webhookId, messageId, type, at, attempt }: TestDelivery): Promise<void> {
    const { requestHeaders, responseHeaders, ...rest } = attempt
    await tx
      .insertInto('webhookDelivery')
      .values({
        id,
        webhookId,
        messageId,
        type,
        subject: webhookId,
        state: attempt.failure === null ? 'succeeded' : 'failed',
        tries: 1,
        attempts: 1,
        createdAt: at,
        scheduledAt: at,
        finishedAt: at,
      })
      .execute()
    await tx
      .insertInto('webhookAttempt')
      .values({
        deliveryId: id,
        attempt: 1,
        ...rest,
        requestHeaders: JSON.stringify(requestHeaders),
        responseHeaders: responseHeaders && JSON.stringify(responseHeaders),
      })
      .execute()
  },
})

/**
 * What receivers answered about a subject is forgotten: its text is gone for good, and they may have said it.
 * @param tx of the subject's workspace
 */
export async function forgetAnswers(tx: Db, subject: string): Promise<void> {
  await sql`update webhook_attempt a set response_body = null from webhook_delivery d
    where d.workspace_id = a.workspace_id and d.id = a.delivery_id and d.subject = ${subject} and a.response_body is not null`.execute(tx)
}

/** How many deliveries there are in each state, in this workspace. */
export async function deliveriesByState(db: Db): Promise<Record<string, number>> {
  const rows = await db
    .selectFrom('webhookDelivery')
    .select(({ fn }) => ['state', fn.countAll<number>().as('count')])
    .groupBy('state')
    .execute()
  return { pending: 0, succeeded: 0, failed: 0, cancelled: 0, ...Object.fromEntries(rows.map(({ state, count }) => [state, count])) }
}

/**
 * Delete deliveries that are over and were made before a time, with their attempts.
 * @param limit at most so many; call again while it is reached
 * @returns how many
 */
export async function deleteDeliveries(tx: Db, before: string, limit: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    with old as (select workspace_id, id from webhook_delivery where state <> 'pending' and created_at < ${before} limit ${limit}),
    attempts as (delete from webhook_attempt a using old where a.workspace_id = old.workspace_id and a.delivery_id = old.id),
    gone as (delete from webhook_delivery d using old where d.workspace_id = old.workspace_id and d.id = old.id returning 1)
    select count(*)::int as count from gone`.execute(tx)
  return rows[0]!.count
}

/** Of some events those that still have a delivery to come. */
export async function eventsPending(db: Db, events: readonly Readonly<{ id: number }>[]): Promise<ReadonlySet<number>> {
  const { rows } = await sql<{ eventId: number }>`
    select distinct event_id from webhook_delivery where state = 'pending' and event_id = any(${events.map(({ id }) => id)}::bigint[])`.execute(
    db,
  )
  return new Set(rows.map(({ eventId }) => eventId))
}

/** The position in the feed up to which deliveries are planned. */
export async function plannedUpTo(db: Db): Promise<number> {
  return (await db.selectFrom('webhookProgress').select('position').executeTakeFirstOrThrow()).position
}
