import { sql } from 'kysely'
import type { Db } from '../../core/db.ts'
import { type Buried, keptDays, keptPerWorkspace, type Origin } from './model.ts'
import './tables.ts'

/** Keep a job that is out of tries. The transaction spans workspaces. @param at now, RFC 3339 */
export const addDead = async (tx: Db, { id, by, name, payload, tries, error, enqueuedAt }: Buried, at: string): Promise<void> =>
  void (await tx
    .insertInto('deadJob')
    .values({
      workspaceId: by.workspaceId,
      id,
      name,
      payload: JSON.stringify(payload),
      origin: JSON.stringify(by),
      tries,
      error,
      enqueuedAt,
      failedAt: at,
    })
    .execute())

/** Take a dead letter away: of two who want it one gets it. @returns undefined when it is not there */
export const takeDead = (tx: Db, id: string): Promise<{ name: string; payload: object; origin: Origin } | undefined> =>
  tx.deleteFrom('deadJob').where('id', '=', id).returning(['name', 'payload', 'origin']).executeTakeFirst()

/** Those that are too old, and of each workspace what is beyond the newest ones. The transaction spans workspaces. @param at now, RFC 3339 */
export async function purgeDead(tx: Db, at: string): Promise<void> {
  const oldest = new Date(Date.parse(at) - keptDays * 86_400_000).toISOString()
  await sql`delete from dead_job d using (
    select workspace_id, id, failed_at, row_number() over (partition by workspace_id order by failed_at desc, id desc) as place from dead_job) k
    where d.workspace_id = k.workspace_id and d.id = k.id and (k.failed_at < ${oldest} or k.place > ${keptPerWorkspace})`.execute(tx)
}
