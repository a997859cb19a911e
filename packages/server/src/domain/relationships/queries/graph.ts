import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { livePrompts } from '../../prompts/index.ts'
import { type RelationshipType, relationshipTypes } from '../model/types.ts'
import { assertLive, shown } from './list.ts'
import '../tables.ts'

export const maxDepth = 5
/** The most nodes, and edges between them, that a graph answers. */
const maxNodes = 1_000
const maxEdges = 10_000

export type Graph = {
  nodes: { id: string; category: string; name: string; depth: number }[]
  edges: { id: string; sourceId: string; targetId: string; type: RelationshipType; strength: number }[]
  truncated: boolean
}

/**
 * What a prompt is related to, over up to `depth` relationships in any direction, the nearest first. One recursive query.
 * It is walked level by level and read lazily: a prompt appears at most once per level, so this many rows hold either all
 * prompts, or more than a graph answers. Then the rest is not walked. The joins are lateral with `offset 0`, and the last
 * condition is a `case`, so that tables without statistics get the same plan: along the indexes, then by a hash.
 */
export const getGraph = ({ id, depth = 2 }: { id: string; depth?: number | undefined }, ctx: Ctx): Promise<Graph> =>
  ctx.read(async (db) => {
    await assertLive(db, id)
    const { rows } = await walk(db, id, depth)
    const { nodes, edges } = rows[0]!
    return {
      nodes: nodes.slice(0, maxNodes),
      edges: edges.slice(0, maxEdges),
      truncated: nodes.length > maxNodes || edges.length > maxEdges,
    }
  })

const walk = (db: Db, id: string, depth: number) =>
  sql<Omit<Graph, 'truncated'>>`
  with recursive walk (id, depth) as (
    select ${id}::uuid, 0
    union
    select p.id, w.depth + 1 from walk w
    cross join lateral (
      select r.target_id as id from relationship r where r.source_id = w.id
      union all select r.source_id from relationship r where r.target_id = w.id) n
    cross join lateral (select q.id from ${livePrompts} q where q.id = n.id offset 0) p
    where w.depth < ${depth}::int
  ), node as (
    select id, min(depth) as depth from (select id, depth from walk limit ${(maxNodes + 1) * (depth + 1)}) w
    group by id order by 2, 1 limit ${maxNodes + 1}
  ), kept as materialized (
    select id, depth from node order by depth, id limit ${maxNodes}
  ), edge as (
    select r.id, r.source_id, r.target_id, r.type, r.strength from kept a
    cross join lateral (select * from relationship where source_id = a.id offset 0) r
    where case when r.target_id in (select id from kept) then true end
    order by r.id limit ${maxEdges + 1}
  )
  select
    (select json_agg(json_build_object('id', n.id, 'category', p.category, 'name', p.name, 'depth', n.depth) order by n.depth, n.id)
      from node n join ${livePrompts} p on p.id = n.id) as nodes,
    (select coalesce(json_agg(json_build_object('id', e.id, 'sourceId', e.source_id, 'targetId', e.target_id, 'type', e.type, 'strength', e.strength) order by e.id), '[]')
      from edge e) as edges`.execute(db)

export type Stats = {
  total: number
  byType: Record<string, { count: number; averageStrength: number | null }>
  prompts: number
  connected: number
  mostConnected: { id: string; category: string; name: string; outgoing: number; incoming: number }[]
}

/** How the workspace's prompts are related, as far as the caller may see them. */
export const getStats = (ctx: Ctx): Promise<Stats> =>
  ctx.read(async (db) => {
    const { rows: types } = await sql<{ type: RelationshipType; count: number; averageStrength: number }>`
      select r.type, count(*)::int as count, avg(r.strength) as average_strength from ${shown} group by r.type`.execute(db)
    const found = new Map(types.map((row) => [row.type, row]))
    const { rows } = await sql<Pick<Stats, 'prompts' | 'connected' | 'mostConnected'>>`
      with end_of as materialized (
        select r.source_id as id, 1 as outgoing, 0 as incoming from ${shown} union all select r.target_id, 0, 1 from ${shown}),
      degree as materialized (select id, sum(outgoing)::int as outgoing, sum(incoming)::int as incoming from end_of group by id),
      top as (select * from degree order by outgoing + incoming desc, id limit 10)
      select (select count(*)::int from ${livePrompts} p) as prompts, (select count(*)::int from degree) as connected,
        (select coalesce(json_agg(json_build_object('id', t.id, 'category', p.category, 'name', p.name, 'outgoing', t.outgoing, 'incoming', t.incoming)
            order by t.outgoing + t.incoming desc, t.id), '[]')
          from top t cross join lateral (select q.category, q.name from ${livePrompts} q where q.id = t.id offset 0) p) as most_connected`.execute(
      db,
    )
    return {
      total: types.reduce((sum, { count }) => sum + count, 0),
      byType: Object.fromEntries(
        relationshipTypes.map((type) => [
          type,
          { count: found.get(type)?.count ?? 0, averageStrength: found.get(type)?.averageStrength ?? null },
        ]),
      ),
      ...rows[0]!,
    }
  })
