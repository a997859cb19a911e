import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'

/** Keep that the split of a test was told to be wrong. @returns whether it is told for the first time */
export async function noteAlarm(tx: Db, testId: string, at: string): Promise<boolean> {
  const { numAffectedRows } =
    await sql`insert into ab_watch (test_id, ratio_alarmed_at) values (${testId}, ${at}) on conflict do nothing`.execute(tx)
  return Number(numAffectedRows ?? 0) === 1
}

export type Running = Readonly<{ workspaceId: string; id: string; createdBy: string }>

/** Running tests of all workspaces, some at a time. @param after of the page before; undefined: from the first one */
export async function runningTests(db: Db, after: Running | undefined, limit: number): Promise<Running[]> {
  const { rows } = await sql<Running>`
    select workspace_id, id, created_by from ab_test where status = 'running'
      and (workspace_id, id) > (${after?.workspaceId ?? '00000000-0000-0000-0000-000000000000'}::uuid, ${after?.id ?? '00000000-0000-0000-0000-000000000000'}::uuid)
    order by workspace_id, id limit ${limit}`.execute(db)
  return rows
}
