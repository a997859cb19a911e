import { type Selectable, sql } from 'kysely'
import type { Db, Tables } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { ReplayNotFound } from '../model/webhook-failures.ts'
import '../tables/webhooks.ts'

/** A replay with where it stands. */
export type ReplayState = Readonly<Omit<Selectable<Tables['webhookReplay']>, 'workspaceId'>>

export const replayColumns = [
  'id',
  'webhookId',
  'selection',
  'dryRun',
  'status',
  'position',
  'lastPosition',
  'done',
  'total',
  'matched',
  'error',
  'createdBy',
  'createdAt',
  'startedAt',
  'finishedAt',
] as const

export function replayMissing(id: string): never {
  throw new AppError(ReplayNotFound, `There is no replay ${id} of this webhook.`)
}

export const replayStore = (tx: Db) => ({
  /** Undefined where there is none (any more). */
  find: (webhookId: string, id: string): Promise<ReplayState | undefined> =>
    tx
      .selectFrom('webhookReplay')
      .select(replayColumns)
      .where('webhookId', '=', webhookId)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst(),

  /** One of this webhook that is not over. */
  async running(webhookId: string): Promise<string | undefined> {
    const row = await tx
      .selectFrom('webhookReplay')
      .select('id')
      .where('webhookId', '=', webhookId)
      .where('status', 'in', ['queued', 'running'])
      .executeTakeFirst()
    return row?.id
  },

  async add({ selection, ...replay }: ReplayState): Promise<void> {
    await tx
      .insertInto('webhookReplay')
      .values({ ...replay, selection: JSON.stringify(selection) })
      .execute()
  },

  async save({ webhookId, id }: ReplayState, change: Partial<Omit<ReplayState, 'selection'>>): Promise<void> {
    await tx.updateTable('webhookReplay').set(change).where('webhookId', '=', webhookId).where('id', '=', id).execute()
  },

  /** Deliveries that failed for good since a time, and that this replay has not taken up. @param limit absent: all */
  async failedSince({ webhookId, id, createdAt }: ReplayState, since: string, limit?: number): Promise<string[]> {
    const rows = await tx
      .selectFrom('webhookDelivery')
      .select('id')
      .where('webhookId', '=', webhookId)
      .where('state', '=', 'failed')
      .where('eventId', 'is not', null)
      .where('createdAt', '>=', since)
      .where('createdAt', '<=', createdAt)
      .where(sql<boolean>`replay_id is distinct from ${id}::uuid`)
      .orderBy('id')
      .$if(limit !== undefined, (query) => query.limit(limit!))
      .execute()
    return rows.map((row) => row.id)
  },

  /** What it has planned and was not sent yet is not sent; what had been tried before is as it was. */
  async cancelPending({ webhookId, id }: ReplayState, at: string): Promise<void> {
    await tx
      .updateTable('webhookDelivery')
      .set({
        state: sql`case when attempts > 0 then 'failed' else 'cancelled' end`,
        nextAttemptAt: null,
        finishedAt: at,
        claimToken: null,
        claimedAt: null,
        claimedUntil: null,
      })
      .where('webhookId', '=', webhookId)
      .where('replayId', '=', id)
      .where('state', '=', 'pending')
      .execute()
  },
})
