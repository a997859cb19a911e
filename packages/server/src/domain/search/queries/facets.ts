import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import type { FacetName, FacetsFound } from '../model/shapes.ts'

const valuesOf = {
  category: sql`d.category`,
  tag: sql`unnest(d.tags)`,
  status: sql`d.status`,
  author: sql`d.author`,
  isTemplate: sql`d.is_template`,
}
/** Values of one facet. */
const most = 50

/** How many of these prompts have each value, most first. @param ids prompts that the caller may see. @param db across workspaces */
export async function countFacets(db: Db, ids: readonly string[], facets: readonly FacetName[], ctx: Ctx): Promise<FacetsFound> {
  const found: FacetsFound = {}
  for (const facet of new Set(facets)) {
    const { rows } = await sql<{ value: string; count: number }>`
      select ${valuesOf[facet]} as value, count(*)::int as count from search_document d
      where d.workspace_id = ${ctx.workspaceId} and d.prompt_id = any (${[...ids]}::uuid[])
      group by 1 order by 2 desc, 1 limit ${most}`.execute(db)
    found[facet] = rows
  }
  return found
}
