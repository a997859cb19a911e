import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import '../tables.ts'

/**
 * Live prompts, as a table that the queries of other contexts join by id: what of a prompt they may build on. Put an alias
 * behind it. Liveness is written so that it does not match the partial index by name: before the tables have statistics
 * the planner takes that index to be tiny, and reads all of it for each id.
 */
export const livePrompts = sql`(select id, category, name, description, is_template from prompt where coalesce(deleted_at, 'infinity') = 'infinity')`

/** The same with deleted ones. */
export const allPrompts = sql`(select id, category, name, deleted_at is not null as deleted from prompt)`

/** The prompts that a prompt includes by its newest version and those that labels stand on; never itself. */
export async function includedPrompts(db: Db, id: string): Promise<string[]> {
  const { rows } = await sql<{ targetId: string }>`
    select distinct i.target_id from prompt p join prompt_include i on i.prompt_id = p.id and i.target_id <> p.id
    where p.id = ${id}
      and (i.version = p.version or exists (select 1 from prompt_label l where l.prompt_id = p.id and l.version = i.version))
    order by 1`.execute(db)
  return rows.map(({ targetId }) => targetId)
}

export type PromptText = Readonly<{ id: string; category: string; name: string; description: string; isTemplate: boolean; text: string }>

/** Characters of a content that are looked at where many are compared. */
const textLength = 4_000

/** Live prompts of these ids with the beginning of their newest text; of contents that are stored in more than 128 KiB none of it. */
export async function findTexts(db: Db, ids: readonly string[]): Promise<PromptText[]> {
  const { rows } = await sql<PromptText>`
    select p.id, p.category, p.name, p.description, p.is_template, case
      when pg_column_size(v.content) > 131072 then ''
      when jsonb_typeof(v.content) = 'string' then left(v.content #>> '{}', ${textLength})
      else left((select string_agg(coalesce(m ->> 'content', m ->> 'parts', ''), ' ') from jsonb_array_elements(v.content) m), ${textLength})
      end as text
    from prompt p join prompt_version v on v.prompt_id = p.id and v.version = p.version
    where p.id = any(${[...ids]}::uuid[]) and p.deleted_at is null order by p.id`.execute(db)
  return rows
}

/** The prompts whose names stand around a prompt's in its category: half before, half after. */
export async function promptsNearby(db: Db, id: string, limit: number): Promise<string[]> {
  const half = Math.ceil(limit / 2)
  const { rows } = await sql<{ id: string }>`
    select n.id from prompt p cross join lateral (
      (select q.id from prompt q where q.category = p.category and q.name < p.name and q.deleted_at is null order by q.name desc limit ${half})
      union all
      (select q.id from prompt q where q.category = p.category and q.name > p.name and q.deleted_at is null order by q.name limit ${half})) n
    where p.id = ${id}`.execute(db)
  return rows.map((row) => row.id)
}

/** How many of the newest prompts that share a tag are compared, and how many of these are told. */
const [taggedCompared, taggedTold] = [1_000, 100]

/** Prompts that share tags with one, with the Jaccard index of the two sets of tags: evidence of shared use. */
export async function sharedTags(id: string, ctx: Ctx): Promise<{ promptId: string; kind: 'tags'; score: number; detail: string }[]> {
  const own = await ctx.read((db) => db.selectFrom('prompt').select('tags').where('id', '=', id).executeTakeFirst())
  if (!own || own.tags.length === 0) return []
  const tags = [...own.tags]
  // The index of tags cannot be used under row-level security. What the caller may not see falls out where names are read.
  const { rows } = await ctx.system(
    (db) =>
      sql<{ promptId: string; common: string[]; count: number }>`
      select p.id as prompt_id, p.common, p.count from (
        select id, cardinality(tags) as count, array(select unnest(tags) intersect select unnest(${tags}::text[]) order by 1) as common
        from (select id, tags from prompt where workspace_id = ${ctx.workspaceId} and deleted_at is null and tags && ${tags}::text[]
          and id <> ${id} order by id desc limit ${taggedCompared}) t) p
      order by cardinality(p.common) desc, p.count, p.id limit ${taggedTold}`.execute(db),
    'read',
  )
  return rows.map(({ promptId, common, count }) => ({
    promptId,
    kind: 'tags',
    score: common.length / (tags.length + count - common.length),
    detail: `Tags in common: ${common.join(', ')}.`,
  }))
}
