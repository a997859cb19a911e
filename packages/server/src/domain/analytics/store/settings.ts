import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { defaultRetentionDays } from '../model/measurement.ts'
import { defaultWishes, type Wishes } from '../model/settings.ts'
import '../tables.ts'

/** What the workspace of the transaction has said. */
export async function findWishes(db: Db): Promise<Wishes> {
  const row = await db.selectFrom('usageSetting').select(['retentionDays', 'userIds', 'prices']).executeTakeFirst()
  return row ?? defaultWishes
}

export async function saveWishes(db: Db, wishes: Wishes, by: { actor: string; at: string }): Promise<void> {
  const said = {
    retentionDays: wishes.retentionDays,
    userIds: wishes.userIds,
    prices: JSON.stringify(wishes.prices),
    updatedBy: by.actor,
    updatedAt: by.at,
  }
  await db
    .insertInto('usageSetting')
    .values({ ...said, revision: 1 })
    .onConflict((conflict) =>
      conflict.column('workspaceId').doUpdateSet((eb) => ({ ...said, revision: eb('usageSetting.revision', '+', 1) })),
    )
    .execute()
}

/** For how many days each workspace keeps single events. @param db across workspaces */
export async function daysKept(db: Db): Promise<{ workspaceId: string; days: number }[]> {
  const { rows } = await sql<{ workspaceId: string; days: number }>`
    select w.id as workspace_id, coalesce(s.retention_days, ${defaultRetentionDays}::int) as days
    from workspace w left join usage_setting s on s.workspace_id = w.id`.execute(db)
  return rows
}
