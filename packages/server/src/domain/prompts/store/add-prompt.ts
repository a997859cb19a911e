import { CompiledQuery } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { By, Move, State, VersionState } from '../model/prompt.ts'

/**
 * A prompt, its first version, its labels and their moves, in one round trip; nothing at all when a live prompt has the
 * name. A former name that is taken stops serving whom it served.
 */
const text = `/*hot:add_prompt*/
with made as (
  insert into prompt (id, category, name, description, type, tags, metadata, is_template, status, version, revision,
    parent_prompt_id, parent_version, created_by, created_at, updated_at, deleted_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, 1, $10, $11, $12, $13, $13, null)
  on conflict (workspace_id, category, name) where deleted_at is null do nothing returning id
), versioned as (
  insert into prompt_version (prompt_id, version, engine, content, variables, config, checksum, change_summary, change_type, metadata, created_by, created_at)
  select id, 1, $14, $15, $16, $17, $18, $19, $20, $21, $12, $13 from made
), labelled as (
  insert into prompt_label (prompt_id, label, version) select id, label, 1 from made, unnest($22::text[]) label
), moved as (
  insert into prompt_label_move (prompt_id, label, from_version, to_version, reason, moved_by, moved_at)
  select id, label, null, 1, null, $12, $13 from made, unnest($22::text[]) label
), forgotten as (
  delete from prompt_former_name f using made where f.category = $2 and f.name = $3
)
select id from made`

/** @returns false when the name is taken */
export async function addPrompt(tx: Db, next: State, { body, ...version }: VersionState, moves: readonly Move[], by: By): Promise<boolean> {
  const prompt = [next.id, next.category, next.name, next.description, next.type, next.tags, JSON.stringify(next.metadata), next.isTemplate]
  const origin = [next.status, next.parent?.promptId ?? null, next.parent?.version ?? null, by.actor, by.at]
  const content = [body.engine, JSON.stringify(body.content), JSON.stringify(body.variables), JSON.stringify(body.config)]
  const about = [version.checksum, version.changeSummary, version.changeType, JSON.stringify(version.metadata)]
  const { rows } = await tx.executeQuery(
    CompiledQuery.raw(text, [...prompt, ...origin, ...content, ...about, moves.map(({ label }) => label)]),
  )
  return rows.length > 0
}
