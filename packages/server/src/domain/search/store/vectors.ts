import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import '../tables.ts'

export type Claimed = Readonly<{ workspaceId: string; promptId: string; textHash: string }>

/** Seconds after which somebody else may take over what one has claimed. */
const claimSeconds = 120

/** Documents whose vector has to be made, and which nobody else works on now. @param db across workspaces */
export async function claimDue(db: Db, limit: number): Promise<Claimed[]> {
  const { rows } = await sql<Claimed>`
    update search_vector_due d set claimed_until = now() + make_interval(secs => ${claimSeconds})
    from (select workspace_id, prompt_id from search_vector_due
      where claimed_until is null or claimed_until < now() limit ${limit} for update skip locked) as c
    where d.workspace_id = c.workspace_id and d.prompt_id = c.prompt_id returning d.workspace_id, d.prompt_id, d.text_hash`.execute(db)
  return rows
}

/** Let others try what was claimed and could not be done. */
export async function releaseClaims(db: Db, claimed: readonly Claimed[]): Promise<void> {
  await sql`update search_vector_due d set claimed_until = null from ${keys(claimed)}
    where d.workspace_id = c.workspace_id and d.prompt_id = c.prompt_id and d.text_hash = c.text_hash`.execute(db)
}

/** Keep the vectors of what was claimed. Where a text has changed or gone meanwhile, its vector is not kept. */
export async function saveVectors(
  db: Db,
  { model, dimensions }: { model: string; dimensions: number },
  made: readonly (Claimed & { vector: Int8Array })[],
): Promise<void> {
  const { rows } = await sql<Claimed>`delete from search_vector_due d using ${keys(made)}
    where d.workspace_id = c.workspace_id and d.prompt_id = c.prompt_id and d.text_hash = c.text_hash
    returning d.workspace_id, d.prompt_id, d.text_hash`.execute(db)
  const done = new Set(rows.map(({ promptId }) => promptId))
  const kept = made.filter(({ promptId }) => done.has(promptId))
  if (kept.length === 0) return
  await sql`insert into search_vector (workspace_id, prompt_id, model, dimensions, vector)
    select workspace_id, prompt_id, ${model}, ${dimensions}, vector
    from unnest(${kept.map((one) => one.workspaceId)}::uuid[], ${kept.map((one) => one.promptId)}::uuid[],
      ${kept.map(({ vector }) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength))}::bytea[]) as v (workspace_id, prompt_id, vector)
    on conflict (workspace_id, prompt_id) do update set model = excluded.model, dimensions = excluded.dimensions,
      vector = excluded.vector, xid = pg_current_xact_id()`.execute(db)
}

/** What has a vector of another encoder is due again. @returns how many */
export async function redoOtherModels(db: Db, model: string): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    insert into search_vector_due (workspace_id, prompt_id, text_hash)
    select d.workspace_id, d.prompt_id, d.text_hash from search_vector v join search_document d using (workspace_id, prompt_id)
    where v.model <> ${model} on conflict do nothing`.execute(db)
  return Number(numAffectedRows)
}

const keys = (of: readonly Claimed[]) =>
  sql`unnest(${of.map((one) => one.workspaceId)}::uuid[], ${of.map((one) => one.promptId)}::uuid[], ${of.map((one) => one.textHash)}::text[]) as c (workspace_id, prompt_id, text_hash)`
