import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'

/** What there is of a prompt to hold on to: its newest version, and those that labels stand on. */
export type Pinnable = Readonly<{
  id: string
  category: string
  name: string
  status: string
  deleted: boolean
  version: number
  labels: Readonly<Record<string, number>>
}>

/** For those of these prompts that the reader of `db` may see, deleted ones too; in no order. */
export async function findPinnable(db: Db, ids: readonly string[]): Promise<Pinnable[]> {
  const { rows } = await sql<Pinnable>`
    select p.id, p.category, p.name, p.status, p.deleted_at is not null as deleted, p.version,
      coalesce((select jsonb_object_agg(l.label, l.version) from prompt_label l where l.prompt_id = p.id), '{}') as labels
    from prompt p where p.id = any(${[...ids]}::uuid[])`.execute(db)
  return rows
}
