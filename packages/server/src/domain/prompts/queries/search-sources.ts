import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { plainText } from '../model/content.ts'
import type { Content, PromptItem, Variable } from '../model/shapes.ts'
import { bodyColumns, promptColumns, type Row, toItem } from './prompts.ts'

export type PromptKey = Readonly<{ workspaceId: string; id: string }>

/** What a search index makes its document of: the newest version of a live prompt. */
export type SearchSource = PromptKey &
  Readonly<{
    revision: number
    category: string
    name: string
    description: string
    tags: readonly string[]
    status: string
    author: string
    isTemplate: boolean
    labels: readonly string[]
    updatedAt: string
    content: string
    variables: readonly Variable[]
  }>

type SourceRow = Omit<SearchSource, 'content'> & { content: Content }

/** Live prompts among these keys, of any workspace. @param db across workspaces */
export async function searchSources(db: Db, keys: readonly PromptKey[]): Promise<SearchSource[]> {
  const { rows } = await sql<SourceRow>`
    select p.workspace_id, p.id, p.revision, p.category, p.name, p.description, p.tags, p.status, p.created_by as author, p.is_template,
      p.updated_at, v.content, v.variables,
      array(select l.label from prompt_label l where l.workspace_id = p.workspace_id and l.prompt_id = p.id order by 1) as labels
    from unnest(${keys.map(({ workspaceId }) => workspaceId)}::uuid[], ${keys.map(({ id }) => id)}::uuid[]) as k (workspace_id, id)
    join prompt p on p.workspace_id = k.workspace_id and p.id = k.id and p.deleted_at is null
    join prompt_version v on v.workspace_id = p.workspace_id and v.prompt_id = p.id and v.version = p.version`.execute(db)
  return rows.map(({ content, ...row }) => ({ ...row, content: plainText(content) }))
}

/** Keys of all prompts of all workspaces, deleted ones too, in a fixed order: for walks. @param db across workspaces */
export async function promptKeys(db: Db, after: PromptKey | undefined, limit: number): Promise<PromptKey[]> {
  const { rows } = await sql<PromptKey>`
    select workspace_id, id from prompt where ${after ? sql`(workspace_id, id) > (${after.workspaceId}::uuid, ${after.id}::uuid)` : sql`true`}
    order by workspace_id, id limit ${limit}`.execute(db)
  return rows
}

/** What a list shows of a prompt, with the text that was searched. */
export type FoundPrompt = Readonly<{ item: PromptItem; text: string; variables: readonly Variable[] }>

/** Live prompts of the caller's workspace that the caller may see, in the order of the ids; others are left out. */
export async function findPrompts(ids: readonly string[], ctx: Ctx): Promise<FoundPrompt[]> {
  const rows = await ctx.read(async (db) => {
    const found = await sql<Row>`/*hot:found_prompts*/
      select ${promptColumns}, ${bodyColumns} from prompt p join prompt_version v on v.prompt_id = p.id and v.version = p.version
      where p.id = any (${[...ids]}::uuid[]) and p.deleted_at is null`.execute(db)
    return new Map(found.rows.map((row) => [row.id, row]))
  })
  return ids.flatMap((id) => {
    const row = rows.get(id)
    if (!row) return []
    const { content, variables, config: _config, ...facts } = row
    return [{ item: toItem(facts) as PromptItem, text: plainText(content), variables }]
  })
}
