import { type RawBuilder, sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { livePrompts, PromptNotFound } from '../../prompts/index.ts'
import { RelationshipNotFound } from '../model/failures.ts'
import type { Relationship, RelationshipType } from '../model/types.ts'
import { viewOf } from '../model/view.ts'
import type { Row } from '../store.ts'
import '../tables.ts'

export type Direction = 'both' | 'outgoing' | 'incoming'
export type ListRelationships = Paged &
  Readonly<{
    id: string
    direction?: Direction | undefined
    type?: readonly RelationshipType[] | undefined
    minStrength?: number | undefined
  }>

type JoinedRow = Row & Readonly<{ sourceCategory: string; sourceName: string; targetCategory: string; targetName: string }>
const view = ({ sourceCategory, sourceName, targetCategory, targetName, ...row }: JoinedRow): Relationship =>
  viewOf(row, { category: sourceCategory, name: sourceName }, { category: targetCategory, name: targetName })

const columns = sql`r.id, r.source_id, r.target_id, r.type, r.strength, r.metadata, r.created_by, r.created_at, r.updated_at, r.revision,
  s.category as source_category, s.name as source_name, t.category as target_category, t.name as target_name`

/**
 * Both ends are live and the caller may see them: what is not there is joined away. From each relationship to its prompts,
 * never the other way: `offset 0` keeps a planner without statistics from reading all of one table for each row of the other.
 */
export const shown = sql`relationship r
  cross join lateral (select p.category, p.name from ${livePrompts} p where p.id = r.source_id offset 0) s
  cross join lateral (select p.category, p.name from ${livePrompts} p where p.id = r.target_id offset 0) t`

/** @throws PromptNotFound, also for a prompt that the caller may not see */
export async function assertLive(db: Db, id: string): Promise<void> {
  const { rows } = await sql`select 1 from ${livePrompts} p where p.id = ${id}`.execute(db)
  if (rows.length === 0) throw new AppError(PromptNotFound, `There is no prompt ${id}.`)
}

/** The relationships of a prompt, newest first. */
export async function listRelationships(input: ListRelationships, ctx: Ctx): Promise<Page<Relationship>> {
  const { id, limit, cursor, includeTotal, ...filters } = input
  const scope = `relationships ${id} ${JSON.stringify(Object.entries(filters).sort())}`
  const { after, take, page } = stepOf(scope, { limit, cursor, includeTotal }, ctx)
  const condition = sql.join(conditionsOf(id, filters), sql` and `)
  const rest = after ? sql`and (r.created_at, r.id) < (${after[0]}::timestamptz, ${after[1]}::uuid)` : sql``
  return ctx.read(async (db) => {
    await assertLive(db, id)
    const { rows } = await sql<JoinedRow>`
      select ${columns} from ${shown} where ${condition} ${rest} order by r.created_at desc, r.id desc limit ${take}`.execute(db)
    const total = async () =>
      (await sql<{ count: number }>`select count(*)::int as count from ${shown} where ${condition}`.execute(db)).rows[0]!.count
    return page(rows.map(view), (last) => [last.createdAt, last.id], total)
  })
}

function conditionsOf(id: string, { direction = 'both', type, minStrength }: Partial<ListRelationships>): RawBuilder<unknown>[] {
  const ends = {
    both: sql`(r.source_id = ${id} or r.target_id = ${id})`,
    outgoing: sql`r.source_id = ${id}`,
    incoming: sql`r.target_id = ${id}`,
  }
  return [
    ends[direction],
    ...(type && type.length > 0 ? [sql`r.type = any(${[...type]}::text[])`] : []),
    ...(minStrength === undefined ? [] : [sql`r.strength >= ${minStrength}`]),
  ]
}

/** @throws RelationshipNotFound, also while one of the prompts is deleted */
export async function getRelationship({ relationshipId }: { relationshipId: string }, ctx: Ctx): Promise<Relationship> {
  const { rows } = await ctx.read((db) => sql<JoinedRow>`select ${columns} from ${shown} where r.id = ${relationshipId}`.execute(db))
  if (!rows[0]) throw new AppError(RelationshipNotFound, `There is no relationship ${relationshipId}.`)
  return view(rows[0])
}

/** The prompts that are said to replace one, the strongest first, twenty at most; deleted and hidden ones among them. */
export async function replacementsOf(db: Db, id: string): Promise<string[]> {
  const rows = await db
    .selectFrom('relationship')
    .select('sourceId')
    .where('targetId', '=', id)
    .where('type', '=', 'replaces')
    .orderBy('strength', 'desc')
    .orderBy('id')
    .limit(20)
    .execute()
  return rows.map(({ sourceId }) => sourceId)
}
