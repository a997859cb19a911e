import { type Installation, workspaceId } from './service.ts'

const sentence =
  'You are a careful assistant who answers {{name}} about {{topic}} in a {{tone}} tone, in {{language}}, in at most {{limit}} words. '
const filler = 'State what you know, say where you are not certain, keep to the facts that were given, and end with one clear next step. '

/** A prompt text with 5 variables, 1,500 characters long. */
export const promptText = (sentence + filler.repeat(20)).slice(0, 1_499).concat('.')

export const variableNames = ['name', 'topic', 'tone', 'language', 'limit']
export const variables = variableNames.map((name) => ({ name, type: 'string', required: true }))

/** The address of the hot path. */
export const hotPath = (category: string, name: string): string => `/api/v1/prompts/search/${category}/${name}?label=production`

/** How prompts that were filled in are called, from 1. */
export const nameOf = (n: number): string => `prompt-${n}`

export type Fill = Readonly<{
  category: string
  /** The first number, 1 unless told, and how many. */
  from?: number
  prompts: number
  /** Of each prompt; 1 unless told. */
  versions?: number
  content?: string
}>

/** Put prompts straight into the tables, as the service would have left them, label `production` on the newest version. */
export async function fill(
  { query }: Installation,
  { category, from = 1, prompts, versions = 1, content = promptText }: Fill,
): Promise<void> {
  const filled = [workspaceId, category, from, from + prompts - 1]
  await query(
    `insert into prompt (workspace_id, id, category, name, description, type, tags, metadata, is_template, status, version, revision, created_by, created_at, updated_at)
     select $1, uuidv7(), $2, 'prompt-' || n, '', 'text', array['bench'], '{}', false, 'draft', $5, $5, 'bench', t, t
     from generate_series($3::int, $4::int) n, lateral (select '2026-01-01Z'::timestamptz + n * interval '1 second' as t)`,
    [...filled, versions],
  )
  const chosen = `prompt p where p.workspace_id = $1 and p.category = $2 and substr(p.name, 8)::int between $3 and $4`
  await query(
    `insert into prompt_version (workspace_id, prompt_id, version, engine, content, variables, config, checksum, change_type, metadata, created_by, created_at)
     select $1, p.id, v, 'mustache', to_jsonb($5::text || v), $6::jsonb, '{}', encode(sha256(convert_to(p.id::text || v, 'UTF8')), 'hex'),
       case v when 1 then 'create' else 'update' end, '{}', 'bench', p.created_at
     from ${chosen.replace('prompt p', `prompt p, generate_series(1, ${versions}) v`)}`,
    [...filled, content, JSON.stringify(variables)],
  )
  await query(
    `insert into prompt_label (workspace_id, prompt_id, label, version) select $1, p.id, 'production', p.version from ${chosen}`,
    filled,
  )
  await query(
    `insert into prompt_label_move (workspace_id, prompt_id, label, to_version, moved_by, moved_at) select $1, p.id, 'production', p.version, 'bench', p.created_at from ${chosen}`,
    filled,
  )
  await query('analyze')
}

/** The ids of prompts of a category, in the order of their numbers. */
export const idsOf = async ({ query }: Installation, category: string, limit: number): Promise<string[]> =>
  (
    await query<{ id: string }>('select id from prompt where workspace_id = $1 and category = $2 order by created_at, id limit $3', [
      workspaceId,
      category,
      limit,
    ])
  ).map(({ id }) => id)
