import { CompiledQuery } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { By, Outcome, VersionState } from '../model/prompt.ts'

/** `addPrompt` for many: all of them travel as one JSON text, and those whose name is taken are left out. */
const text = `/*hot:add_prompts*/
with given as materialized (
  select * from json_to_recordset($1::json) as g (id uuid, category text, name text, description text, type text, tags text[], metadata jsonb,
    is_template boolean, status text, engine text, content jsonb, variables jsonb, config jsonb, checksum text, change_summary text,
    change_type text, version_metadata jsonb, labels text[])
), made as (
  insert into prompt (id, category, name, description, type, tags, metadata, is_template, status, version, revision,
    parent_prompt_id, parent_version, created_by, created_at, updated_at, deleted_at)
  select id, category, name, description, type, tags, metadata, is_template, status, 1, 1, null, null, $2, $3, $3, null from given
  on conflict (workspace_id, category, name) where deleted_at is null do nothing returning id
), versioned as (
  insert into prompt_version (prompt_id, version, engine, content, variables, config, checksum, change_summary, change_type, metadata, created_by, created_at)
  select id, 1, engine, content, variables, config, checksum, change_summary, change_type, version_metadata, $2, $3 from given join made using (id)
), labelled as (
  insert into prompt_label (prompt_id, label, version) select id, label, 1 from given join made using (id), unnest(labels) label
), moved as (
  insert into prompt_label_move (prompt_id, label, from_version, to_version, reason, moved_by, moved_at)
  select id, label, null, 1, null, $2, $3 from given join made using (id), unnest(labels) label
), forgotten as (
  delete from prompt_former_name f using given join made using (id) where f.category = given.category and f.name = given.name
)
select id from made`

type Made = Outcome & Readonly<{ version: VersionState }>

/** New prompts that have no parent, no two of the same name. @returns the ids of those that were stored */
export async function addPrompts(tx: Db, made: readonly Made[], by: By): Promise<ReadonlySet<string>> {
  if (made.length === 0) return new Set()
  const { rows } = await tx.executeQuery<{ id: string }>(CompiledQuery.raw(text, [JSON.stringify(made.map(rowOf)), by.actor, by.at]))
  return new Set(rows.map(({ id }) => id))
}

const rowOf = ({ next, version, moves = [] }: Made) => ({
  id: next.id,
  category: next.category,
  name: next.name,
  description: next.description,
  type: next.type,
  tags: next.tags,
  metadata: next.metadata,
  is_template: next.isTemplate,
  status: next.status,
  engine: version.body.engine,
  content: version.body.content,
  variables: version.body.variables,
  config: version.body.config,
  checksum: version.checksum,
  change_summary: version.changeSummary,
  change_type: version.changeType,
  version_metadata: version.metadata,
  labels: moves.map(({ label }) => label),
})
