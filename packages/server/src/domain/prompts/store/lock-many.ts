import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import '../tables.ts'

/**
 * Lock the rows of prompts that are about to be changed together, always in the same order, so that two who change the
 * same prompts do not wait for each other; and before anybody takes the lock of the graph.
 * @returns the tags of those that there are
 */
export async function lockTags(tx: Db, ids: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await sql<{ id: string; tags: string[] }>`
    select id, tags from prompt where id = any(${[...ids]}::uuid[]) order by id for no key update`.execute(tx)
  return new Map(rows.map(({ id, tags }) => [id, tags]))
}
