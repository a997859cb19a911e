import { type RawBuilder, sql } from 'kysely'
import { visibleCategories } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { RequestInvalid } from '../../../core/problem.ts'
import type { Filters } from '../model/shapes.ts'

type Condition = RawBuilder<unknown>

/**
 * What a document `d` must fulfil to be shown to the caller: in the caller's workspace, in a category that the caller may
 * see, and let through by the filters. Row-level security would bar the indexes, so all of it is written out here.
 */
export function conditionsOf(filters: Filters, ctx: Ctx): Condition {
  const { category, tag, status, author, isTemplate, label, updatedAfter } = filters
  const visible = visibleCategories(ctx.actor)
  const conditions: (Condition | undefined)[] = [
    sql`d.workspace_id = ${ctx.workspaceId}::uuid`,
    visible && sql`d.category = any (${[...visible]}::text[])`,
    category === undefined ? undefined : sql`d.category = ${category}`,
    tag === undefined || tag.length === 0 ? undefined : sql`d.tags @> ${[...tag]}::text[]`,
    status === undefined ? undefined : sql`d.status = ${status}`,
    author === undefined ? undefined : sql`d.author = ${author}`,
    isTemplate === undefined ? undefined : sql`d.is_template = ${isTemplate}`,
    label === undefined ? undefined : sql`${label} = any (d.labels)`,
    updatedAfter === undefined ? undefined : sql`d.updated_at > ${timeOf(updatedAfter)}`,
  ]
  return sql.join(
    conditions.filter((condition) => condition !== undefined),
    sql` and `,
  )
}

/** True when not every document of the workspace may be shown. */
export const isLimited = (filters: Filters, ctx: Ctx): boolean =>
  Object.keys(filters).length > 0 || visibleCategories(ctx.actor) !== undefined

/** @throws RequestInvalid (400) for a time that is none, such as a leap second */
function timeOf(updatedAfter: string): Condition {
  const ms = Date.parse(updatedAfter)
  if (Number.isNaN(ms))
    throw new AppError(RequestInvalid, 'updatedAfter is no time that there is.', {
      errors: [{ pointer: '/filters/updatedAfter', code: 'time.impossible', detail: 'Send RFC 3339, such as 2026-01-31T12:00:00Z.' }],
    })
  return sql`to_timestamp(${ms}::float8 / 1000)`
}
