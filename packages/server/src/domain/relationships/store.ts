import { sql } from 'kysely'
import { type Principal, sees } from '../../core/access.ts'
import type { Db } from '../../core/db.ts'
import { allPrompts } from '../prompts/index.ts'
import { shortestPath, successors } from './model/graph.ts'
import { type Edge, isSymmetric, needs, needTypes, type PromptRef, type RelationshipType } from './model/types.ts'
import './tables.ts'

/** A prompt as the end of a relationship. */
export type End = Readonly<{ id: string; category: string; name: string; deleted: boolean }>
export type Row = Readonly<{
  id: string
  sourceId: string
  targetId: string
  type: RelationshipType
  strength: number
  metadata: Record<string, unknown>
  createdBy: string
  createdAt: string
  updatedAt: string
  revision: number
}>

const columns = ['id', 'sourceId', 'targetId', 'type', 'strength', 'metadata', 'createdBy', 'createdAt', 'updatedAt', 'revision'] as const

/** SQL of the write side. */
export const relationshipStore = (tx: Db) => ({
  /** Changes that could close a cycle wait for each other, workspace by workspace, until the transaction ends; who holds the lock waits for nobody. */
  async lockGraph(workspaceId: string): Promise<void> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`relationships ${workspaceId}`}, 0))`.execute(tx)
  },

  /** @returns how many were added; those that say what is said already are not */
  async add(rows: readonly Row[]): Promise<number> {
    if (rows.length === 0) return 0
    const values = rows.map((row) => ({ ...row, metadata: JSON.stringify(row.metadata) }))
    const added = await tx
      .insertInto('relationship')
      .values(values)
      .onConflict((c) => c.doNothing())
      .returning('id')
      .execute()
    return added.length
  },

  /** A relationship whose row nobody else changes until the transaction ends. */
  lock: (id: string): Promise<Row | undefined> =>
    tx.selectFrom('relationship').select(columns).where('id', '=', id).forUpdate().executeTakeFirst(),

  async setStrength({ id, strength, updatedAt, revision }: Row): Promise<void> {
    await tx.updateTable('relationship').set({ strength, updatedAt, revision }).where('id', '=', id).execute()
  },

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0)
      await tx
        .deleteFrom('relationship')
        .where('id', 'in', [...ids])
        .execute()
  },

  /** The relationships of one type that begin at a prompt. */
  from: (sourceId: string, type: RelationshipType): Promise<Row[]> =>
    tx.selectFrom('relationship').select(columns).where('sourceId', '=', sourceId).where('type', '=', type).orderBy('targetId').execute(),
})

/** The prompts of these ids, deleted ones too, by id. */
export async function findEnds(db: Db, ids: readonly string[]): Promise<Map<string, End>> {
  const { rows } =
    await sql<End>`select p.id, p.category, p.name, p.deleted from ${allPrompts} p where p.id = any(${[...ids]}::uuid[])`.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}

/** All relationships between two prompts, either way. */
export const findBetween = (db: Db, a: string, b: string): Promise<Edge[]> =>
  db
    .selectFrom('relationship')
    .select(['id', 'sourceId', 'targetId', 'type'])
    .where((e) => e.or([e.and({ sourceId: a, targetId: b }), e.and({ sourceId: b, targetId: a })]))
    .orderBy('id')
    .execute()

/** The relationship that says the same already: of the same type and direction, or of the same type if that has no direction. */
export const sameAs = (edges: readonly Edge[], { sourceId, type }: Edge): Edge | undefined =>
  edges.find((edge) => edge.type === type && (edge.sourceId === sourceId || isSymmetric(type)))

/**
 * The cycle that a relationship would close among those that need each other, as prompt ids, first = last. Relationships
 * of deleted prompts count, so that a restoration closes none.
 */
export async function findCycle(db: Db, { sourceId, targetId, type }: Edge): Promise<string[] | undefined> {
  if (!needs(type)) return undefined
  // Lateral with `offset 0`: along the index, step by step, also where the tables have no statistics yet.
  const next = sql`cross join lateral (
    select target_id from relationship where source_id = reach.id and type = any(${needTypes}::text[]) order by id offset 0) r`
  const reach = sql`with recursive reach (id) as (select ${targetId}::uuid union select r.target_id from reach ${next})`
  const { rows: found } = await sql`${reach} select 1 from reach where id = ${sourceId} limit 1`.execute(db)
  if (found.length === 0) return undefined
  const { rows: links } = await sql<Edge>`${reach} select reach.id as source_id, r.target_id from reach ${next}`.execute(db)
  return [sourceId, ...shortestPath(successors(links), targetId, sourceId)!]
}

/** Prompts as the caller may be told of them. */
export async function tellPrompts(db: Db, ids: readonly string[], actor: Principal): Promise<PromptRef[]> {
  const ends = await findEnds(db, ids)
  return ids.map((id) => {
    const end = ends.get(id)
    return end && sees(actor, end.category) ? { id, category: end.category, name: end.name } : { id: null, category: null, name: null }
  })
}
