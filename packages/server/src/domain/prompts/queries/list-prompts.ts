import { type RawBuilder, sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import { RequestInvalid } from '../../../core/problem.ts'
import type { Page } from '../../../core/schemas.ts'
import type { PromptItem } from '../model/shapes.ts'
import { bodyColumns, promptColumns, type Row, toItem } from './prompts.ts'

export type Sort = 'createdAt' | '-createdAt' | 'updatedAt' | '-updatedAt' | 'name' | '-name'
export type ListPrompts = Readonly<{
  category?: string | undefined
  tag?: readonly string[] | undefined
  status?: string | undefined
  author?: string | undefined
  isTemplate?: boolean | undefined
  label?: string | undefined
  updatedAfter?: string | undefined
  q?: string | undefined
  deleted?: boolean | undefined
  sort?: Sort | undefined
  view?: 'full' | 'summary' | undefined
}> &
  Paged

type Filter = RawBuilder<unknown>
const columnOf = { createdAt: sql`p.created_at`, updatedAt: sql`p.updated_at`, name: sql`p.name` }
const typeOf = { createdAt: sql`timestamptz`, updatedAt: sql`timestamptz`, name: sql`text` }

/** Live prompts (or deleted ones), filtered, newest first unless told; keyset pages. */
export async function listPrompts(input: ListPrompts, ctx: Ctx): Promise<Page<PromptItem>> {
  const { limit, cursor, includeTotal, view, sort = '-createdAt', ...filters } = input
  const scope = `prompts ${ctx.workspaceId} ${sort} ${JSON.stringify(Object.entries(filters).sort())}`
  const step = stepOf(scope, { limit, cursor, includeTotal }, ctx)
  const conditions = conditionsOf(filters)
  const key = sort.replace('-', '') as keyof typeof columnOf
  const after = step.after && afterPosition(key, sort.startsWith('-'), step.after)
  const direction = sort.startsWith('-') ? sql`desc` : sql`asc`
  return ctx.read(async (db) => {
    const { rows } = await sql<Row>`
      select ${promptColumns}${view === 'summary' ? sql`` : sql`, ${bodyColumns}`}
      from prompt p join prompt_version v on v.prompt_id = p.id and v.version = p.version
      where ${sql.join([...conditions, ...(after ? [after] : [])], sql` and `)}
      order by ${columnOf[key]} ${direction}, p.id ${direction} limit ${step.take}`.execute(db)
    const total = async () =>
      (await sql<{ count: number }>`select count(*)::int as count from prompt p where ${sql.join(conditions, sql` and `)}`.execute(db))
        .rows[0]!.count
    return step.page(rows.map(toItem) as PromptItem[], (last) => [String(last[key]), last.id], total)
  })
}

/** The ids of all prompts that fit, as far as the caller may see them, the oldest first: at most so many. */
export const listIds = (filters: Omit<ListPrompts, keyof Paged | 'sort' | 'view'>, limit: number, ctx: Ctx): Promise<string[]> =>
  ctx.read(async (db) => {
    const { rows } = await sql<{ id: string }>`
      select p.id from prompt p where ${sql.join(conditionsOf(filters), sql` and `)} order by p.id limit ${limit}`.execute(db)
    return rows.map(({ id }) => id)
  })

const afterPosition = (key: keyof typeof columnOf, descending: boolean, [value, id]: readonly (string | number)[]): Filter =>
  sql`(${columnOf[key]}, p.id) ${descending ? sql`<` : sql`>`} (${value}::${typeOf[key]}, ${id}::uuid)`

function conditionsOf({ category, tag, status, author, isTemplate, label, updatedAfter, q, deleted }: ListPrompts): Filter[] {
  const conditions: (Filter | undefined)[] = [
    deleted ? sql`p.deleted_at is not null` : sql`p.deleted_at is null`,
    category === undefined ? undefined : sql`p.category = ${category}`,
    tag === undefined || tag.length === 0 ? undefined : sql`p.tags @> ${[...tag]}::text[]`,
    status === undefined ? undefined : sql`p.status = ${status}`,
    author === undefined ? undefined : sql`p.created_by = ${author}`,
    isTemplate === undefined ? undefined : sql`p.is_template = ${isTemplate}`,
    label === undefined ? undefined : sql`exists (select 1 from prompt_label l where l.prompt_id = p.id and l.label = ${label})`,
    updatedAfter === undefined ? undefined : sql`p.updated_at > ${timeOf(updatedAfter)}`,
    q === undefined ? undefined : textFilter(q),
  ]
  return conditions.filter((condition) => condition !== undefined)
}

/** Part of the name, the category or the description, in any case (which the database's own collation knows for all scripts). */
function textFilter(q: string): Filter {
  const pattern = `%${q.replace(/[\\%_]/g, '\\$&')}%`
  return sql`(p.name collate "default" ilike ${pattern} or p.category collate "default" ilike ${pattern} or p.description ilike ${pattern})`
}

/** @throws RequestInvalid (400) for a time that is none, such as a leap second */
function timeOf(updatedAfter: string): Filter {
  const ms = Date.parse(updatedAfter)
  if (Number.isNaN(ms))
    throw new AppError(RequestInvalid, 'updatedAfter is no time that there is.', {
      errors: [{ pointer: '?updatedAfter', code: 'query.time', detail: 'Send RFC 3339, such as 2026-01-31T12:00:00Z.' }],
    })
  return sql`to_timestamp(${ms}::float8 / 1000)`
}

/** Categories or tags of live prompts, with how many have each, by name. */
export async function listFacet(facet: 'category' | 'tag', paged: Paged, ctx: Ctx): Promise<Page<{ name: string; count: number }>> {
  const step = stepOf(`${facet} ${ctx.workspaceId}`, paged, ctx)
  const after = step.after ? String(step.after[0]) : null
  const value = facet === 'category' ? sql`p.category` : sql`t`
  const from = facet === 'category' ? sql`prompt p` : sql`prompt p, unnest(p.tags) t`
  return ctx.read(async (db) => {
    const { rows } = await sql<{ name: string; count: number }>`
      select ${value} as name, count(*)::int as count from ${from}
      where p.deleted_at is null and (${after}::text is null or ${value} > ${after})
      group by 1 order by 1 limit ${step.take}`.execute(db)
    return step.page(rows, (last) => [last.name])
  })
}
