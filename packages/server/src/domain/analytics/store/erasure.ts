import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'

/**
 * @param db across workspaces; the fold waits meanwhile, so that it brings nothing back
 * @param user who, as `userId` or as the unit of a test, and its keyed hash in hex
 */
export async function eraseUser(
  db: Db,
  workspaceId: string,
  { userId, hash }: Readonly<{ userId: string; hash: string }>,
): Promise<{ events: number; days: number }> {
  await sql`select 1 from usage_fold for update`.execute(db)
  const { rows: days } = await sql<{ day: string }>`select day::text from usage_day order by day`.execute(db)
  let events = 0
  for (const { day } of days) {
    const { numAffectedRows } = await sql`
      update usage_event set user_hash = null, rest = null where workspace_id = ${workspaceId}
        and (user_hash = decode(${hash}, 'hex') or rest -> 'x' ->> 'unitId' = ${userId})
        and occurred_at >= ${day}::date at time zone 'UTC' and occurred_at < (${day}::date + 1) at time zone 'UTC'`.execute(db)
    events += Number(numAffectedRows ?? 0)
  }
  const { numAffectedRows } =
    await sql`delete from usage_user where workspace_id = ${workspaceId} and user_hash = decode(${hash}, 'hex')`.execute(db)
  return { events, days: Number(numAffectedRows ?? 0) }
}
