import type { Db } from '../../../core/db.ts'
import '../tables/events.ts'

/** The log of a workspace begins after a position, since what is up to there was removed. It only ever moves on. */
export async function beginLogAfter(tx: Db, workspaceId: string, position: number, removedAt: string): Promise<void> {
  await tx
    .insertInto('eventLogStart')
    .values({ workspaceId, position, removedAt })
    .onConflict((conflict) =>
      conflict.column('workspaceId').doUpdateSet({ position, removedAt }).where('eventLogStart.position', '<', position),
    )
    .execute()
}
