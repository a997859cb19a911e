import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'

export type MeasuredPrompt = Readonly<{ id: string; category: string; name: string; version: number; labels: readonly string[] }>
export type PromptName = Readonly<{ category: string; name: string }>

/** What stands in an answer beside each prompt: its category, newest version, and every label that ever stood on one. */
const facts = sql`p.id, p.category, p.name, p.version, array(
  with recursive step as (
    (select label from prompt_label_move where prompt_id = p.id order by label limit 1)
    union all
    select (select m.label from prompt_label_move m where m.prompt_id = p.id and m.label > step.label order by m.label limit 1)
    from step where step.label is not null)
  select label from step where label is not null) as labels`

/** Prompts by their ids, deleted ones too: what was used is measured after its end. */
export async function measuredById(db: Db, ids: readonly string[]): Promise<MeasuredPrompt[]> {
  const { rows } = await sql<MeasuredPrompt>`select ${facts} from prompt p where p.id = any(${[...ids]}::uuid[])`.execute(db)
  return rows
}

/** Live prompts by their names, and by former ones that still serve. @returns in the order of the names; undefined: there is none */
export async function measuredByName(db: Db, names: readonly PromptName[], now: string): Promise<(MeasuredPrompt | undefined)[]> {
  const { rows } = await sql<MeasuredPrompt & { n: number }>`
    select n, ${facts} from unnest(${names.map(({ category }) => category)}::text[], ${names.map(({ name }) => name)}::text[]) with ordinality as w (c, m, n)
    join prompt p on p.deleted_at is null and p.id = coalesce(
      (select q.id from prompt q where q.category = w.c and q.name = w.m and q.deleted_at is null),
      (select f.prompt_id from prompt_former_name f where f.category = w.c and f.name = w.m and f.expires_at > ${now}::timestamptz))`.execute(
    db,
  )
  const byName = new Map(rows.map(({ n, ...prompt }) => [n, prompt]))
  return names.map((_, i) => byName.get(i + 1))
}

export type PromptFacts = Readonly<{
  id: string
  category: string
  name: string
  status: string
  tags: readonly string[]
  deleted: boolean
}>

/** What stands on the label of a prompt's drawer: for those that the caller may see, deleted ones too. */
export async function promptFacts(db: Db, ids: readonly string[]): Promise<PromptFacts[]> {
  const { rows } = await sql<PromptFacts>`
    select id, category, name, status, tags, deleted_at is not null as deleted from prompt where id = any(${[...ids]}::uuid[])`.execute(db)
  return rows
}

export type VersionShape = Readonly<{
  promptId: string
  version: number
  engine: string
  chat: boolean
  characters: number
  variables: number
  hasExamples: boolean
}>

/** What versions look like from outside, for comparing how well they do: of the caller's visible prompts, deleted ones too. @param keys at most some hundreds */
export async function versionShapes(db: Db, keys: readonly Readonly<{ promptId: string; version: number }>[]): Promise<VersionShape[]> {
  const { rows } = await sql<VersionShape>`
    select v.prompt_id, v.version, v.engine, jsonb_typeof(v.content) = 'array' as chat, length(v.content::text) as characters,
      jsonb_array_length(v.variables) as variables, left(v.content::text, 20000) ~* '\\mexamples?\\M' as has_examples
    from unnest(${keys.map(({ promptId }) => promptId)}::uuid[], ${keys.map(({ version }) => version)}::int[]) as k (prompt_id, version)
    join prompt p on p.id = k.prompt_id
    join prompt_version v on v.prompt_id = k.prompt_id and v.version = k.version`.execute(db)
  return rows
}
