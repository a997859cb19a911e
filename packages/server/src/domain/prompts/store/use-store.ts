import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import '../tables.ts'

export type UsedPrompt = Readonly<{ workspaceId: string; promptId: string }>

/**
 * Note that prompts were served. Across workspaces. What was noted within the last half hour is left as it is, so that
 * several instances do not all write.
 * @param at when, RFC 3339
 */
export async function noteServed(db: Db, used: readonly UsedPrompt[], at: string): Promise<void> {
  await sql`
    insert into prompt_use (workspace_id, prompt_id, last_served_at)
    select u.workspace_id, u.prompt_id, ${at}::timestamptz
    from unnest(${used.map(({ workspaceId }) => workspaceId)}::uuid[], ${used.map(({ promptId }) => promptId)}::uuid[]) as u (workspace_id, prompt_id)
    on conflict (workspace_id, prompt_id) do update set last_served_at = excluded.last_served_at
    where prompt_use.last_served_at < excluded.last_served_at - interval '30 minutes'`.execute(db)
}
