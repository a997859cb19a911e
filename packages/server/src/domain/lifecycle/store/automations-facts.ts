import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import '../tables.ts'

/** When the status of some prompts changed last; those that never moved are left out. */
export async function statusMoves(db: Db, promptIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ promptId: string; movedAt: string }>`
    select i.id as prompt_id, m.moved_at from unnest(${[...promptIds]}::uuid[]) as i (id) cross join lateral (
      select moved_at from lifecycle_move where prompt_id = i.id and from_status <> to_status order by id desc limit 1) m`.execute(db)
  return new Map(rows.map(({ promptId, movedAt }) => [promptId, movedAt]))
}
