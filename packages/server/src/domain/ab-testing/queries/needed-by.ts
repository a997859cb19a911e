import { sql } from 'kysely'
import { may } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'

/**
 * The tests, running or paused, that serve a prompt.
 * @returns each in words, by its name where the caller may read tests
 */
export async function testsThatServe(tx: Db, { actor }: Ctx, promptId: string): Promise<string[]> {
  const { rows } = await sql<{ name: string; status: string }>`
    select name, status from ab_test where status in ('running', 'paused')
      and design @> jsonb_build_object('variants', jsonb_build_array(jsonb_build_object('promptId', ${promptId}::text)))
    order by id limit 10`.execute(tx)
  return rows.map(({ name, status }) => `the ${status} A/B test${may(actor, 'abtests:read', {}) ? ` "${name}"` : ''}`)
}
