import type { Db } from '../../../core/db.ts'

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
