import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { Label, VersionNumber } from '../model/shapes.ts'
import type { Standing } from '../model/standing.ts'
import '../tables.ts'

/** Which prompts are examined; an absent part takes all. `tags`: any of them. */
export type ExamineScope = Readonly<{
  categories?: readonly string[] | undefined
  tags?: readonly string[] | undefined
  statuses?: readonly string[] | undefined
}>

/** What rules that work by themselves may know of a prompt. Times are RFC 3339. */
export type ExaminedPrompt = Readonly<{
  id: string
  category: string
  name: string
  status: Standing['status']
  tags: readonly string[]
  isTemplate: boolean
  /** Empty unless asked for: it may be large. */
  metadata: Readonly<Record<string, unknown>>
  revision: number
  /** The newest version, and so how many there are. */
  versions: VersionNumber
  labels: Readonly<Record<Label, VersionNumber>>
  /** How many other prompts, that the reader may see, include it by their newest or a labelled version. */
  includedBy: number
  createdAt: string
  updatedAt: string
  /** To the hour; null: not since `watchedSince`. */
  lastServedAt: string | null
  watchedSince: string
}>

type Asked = Readonly<{ after?: string | undefined; ids?: readonly string[] | undefined; limit: number; withMetadata: boolean }>

/** Live prompts in the order of their ids, a page at a time. @param asked.after where the page before ended; `ids`: of these alone */
export async function examinePrompts(db: Db, scope: ExamineScope, { after, ids, limit, withMetadata }: Asked): Promise<ExaminedPrompt[]> {
  const { categories, tags, statuses } = scope
  const { rows } = await sql<ExaminedPrompt>`
    select p.id, p.category, p.name, p.status, p.tags, p.is_template, p.revision, p.version as versions, p.created_at, p.updated_at,
      ${withMetadata ? sql`p.metadata` : sql`'{}'::jsonb`} as metadata,
      (select coalesce(json_object_agg(l.label, l.version), '{}') from prompt_label l where l.prompt_id = p.id) as labels,
      (select count(distinct i.prompt_id)::int from prompt_include i join prompt q on q.id = i.prompt_id and q.deleted_at is null
        where i.target_id = p.id and i.prompt_id <> p.id and (i.version = q.version or
          exists (select 1 from prompt_label l where l.prompt_id = q.id and l.version = i.version))) as included_by,
      (select u.last_served_at from prompt_use u where u.prompt_id = p.id) as last_served_at,
      (select w.since from prompt_use_watch w) as watched_since
    from prompt p
    where p.deleted_at is null
      and ${after === undefined ? sql`true` : sql`p.id > ${after}::uuid`}
      and ${ids === undefined ? sql`true` : sql`p.id = any(${[...ids]}::uuid[])`}
      and ${categories === undefined ? sql`true` : sql`p.category = any(${[...categories]}::text[])`}
      and ${tags === undefined ? sql`true` : sql`p.tags && ${[...tags]}::text[]`}
      and ${statuses === undefined ? sql`true` : sql`p.status = any(${[...statuses]}::text[])`}
    order by p.id limit ${limit}`.execute(db)
  return rows
}

/** How many live prompts the reader of `db` may see. */
export async function countLive(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from prompt where deleted_at is null`.execute(db)
  return rows[0]!.count
}
