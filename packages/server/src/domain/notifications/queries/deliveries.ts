import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { type Delivery, type DeliveryState, keptBytes, listedCharacters } from '../model/deliveries.ts'
import { deliveryMissing } from '../store/deliveries.ts'
import { webhookMissing } from '../store/webhooks.ts'
import '../tables/webhooks.ts'

const columns = [
  'id',
  'webhookId',
  'messageId',
  'type',
  'subject',
  'replayId',
  'state',
  'createdAt',
  'nextAttemptAt',
  'finishedAt',
  'attempts as attemptCount',
] as const
const shownAttempts = 20

/** Each with its newest attempts. @param characters of a body */
async function withAttempts(db: Db, rows: readonly Omit<Delivery, 'attempts'>[], characters: number): Promise<Delivery[]> {
  if (rows.length === 0) return []
  const attempts = await db
    .selectFrom('webhookAttempt as a')
    .innerJoin('webhookDelivery as d', (join) => join.onRef('d.id', '=', 'a.deliveryId').onRef('d.workspaceId', '=', 'a.workspaceId'))
    .select(['deliveryId', 'attempt', 'at', 'tookMs', 'failure', 'detail', 'status', 'address', 'requestHeaders', 'responseHeaders'])
    .select(['truncated', 'a.nextAttemptAt', sql<string | null>`left(response_body, ${characters})`.as('responseBody')])
    .where(
      'a.deliveryId',
      'in',
      rows.map(({ id }) => id),
    )
    .where(sql<boolean>`a.attempt > d.attempts - ${shownAttempts}`)
    .orderBy('a.attempt', 'desc')
    .execute()
  const byDelivery = Map.groupBy(attempts, ({ deliveryId }) => deliveryId)
  return rows.map((row) => ({ ...row, attempts: (byDelivery.get(row.id) ?? []).map(({ deliveryId: _, ...attempt }) => attempt) }))
}

async function assertWebhook(db: Db, id: string): Promise<void> {
  if (!(await db.selectFrom('webhook').select('id').where('id', '=', id).executeTakeFirst())) webhookMissing(id)
}

/** @throws WebhookNotFound, DeliveryNotFound (404) */
export function getDelivery({ id, deliveryId }: { id: string; deliveryId: string }, ctx: Ctx): Promise<Delivery> {
  return ctx.read(async (db) => {
    await assertWebhook(db, id)
    const rows = await db.selectFrom('webhookDelivery').select(columns).where('webhookId', '=', id).where('id', '=', deliveryId).execute()
    const [found] = await withAttempts(db, rows, keptBytes)
    return found ?? deliveryMissing(deliveryId)
  })
}

export type ListDeliveries = Paged & Readonly<{ id: string; state?: DeliveryState | undefined; type?: string | undefined }>

/** The deliveries of a webhook, newest first. @throws WebhookNotFound (404) */
export function listDeliveries({ id, state, type, ...paged }: ListDeliveries, ctx: Ctx): Promise<Page<Delivery>> {
  const { after, take, page } = stepOf(`deliveries ${id} ${state} ${type}`, paged, ctx)
  return ctx.read(async (db) => {
    await assertWebhook(db, id)
    const all = db
      .selectFrom('webhookDelivery')
      .where('webhookId', '=', id)
      .$if(state !== undefined, (query) => query.where('state', '=', state!))
      .$if(type !== undefined, (query) => query.where('type', '=', type!))
    const rows = await all
      .select(columns)
      .$if(after !== undefined, (query) => query.where('id', '<', String(after?.[0])))
      .orderBy('id', 'desc')
      .limit(take)
      .execute()
    const count = all.select(({ fn }) => fn.countAll<number>().as('count'))
    const made = await page(
      rows,
      (last) => [last.id],
      async () => (await count.executeTakeFirstOrThrow()).count,
    )
    return { ...made, items: await withAttempts(db, made.items, listedCharacters) }
  })
}
