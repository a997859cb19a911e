import { sql } from 'kysely'
import { LRUCache } from 'lru-cache'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import type { Encoder } from '../../../core/encoder.ts'
import type { Filters } from '../model/shapes.ts'
import type { Matrix, Neighbour } from '../model/vectors.ts'
import { conditionsOf, isLimited } from './filters.ts'
import { createMatrices } from './matrices.ts'

/** How long a search waits for the encoder, and how much of a query it reads. */
const patienceMs = 2_500
const encodedQuery = 1_000
/** Filters that let fewer through than this are asked first, and only those are compared. */
const fewEnough = 5_000

/** Searching by meaning: the encoder of queries and the vectors of prompts. */
export type Meaning = Readonly<{
  /** @throws when the encoder cannot be had */
  encode(query: string): Promise<Float32Array>
  /** The vectors of the caller's workspace. @param db across workspaces */
  matrix(db: Db, ctx: Ctx): Promise<Matrix | undefined>
  bytes(): number
}>

export function createMeaning(encoder: Encoder, memory: { maxBytes: number; idleMs: number }): Meaning {
  const queries = new LRUCache<string, Float32Array>({ max: 2_000 })
  const matrices = createMatrices({ model: encoder.model, ...memory })
  return {
    async encode(query) {
      const text = query.trim().slice(0, encodedQuery)
      const known = queries.get(text)
      if (known) return known
      const [vector] = await encoder.embed([text], patienceMs)
      queries.set(text, vector!)
      return vector!
    },
    matrix: (db, ctx) => matrices.of(db, ctx.workspaceId),
    bytes: matrices.bytes,
  }
}

/** The prompts nearest in meaning that the caller may see and the filters let through. @param db across workspaces */
export async function rankByMeaning(
  db: Db,
  { matrix, vector }: { matrix: Matrix; vector: Float32Array },
  { filters, limit }: { filters: Filters; limit: number },
  ctx: Ctx,
): Promise<Neighbour[]> {
  if (vector.length !== matrix.dimensions) return []
  if (!isLimited(filters, ctx)) return matrix.nearest(vector, limit)
  const conditions = conditionsOf(filters, ctx)
  const { rows: few } = await sql<{ id: string }>`
    select d.prompt_id as id from search_document d where ${conditions} limit ${fewEnough + 1}`.execute(db)
  if (few.length <= fewEnough)
    return matrix.nearest(
      vector,
      limit,
      few.map(({ id }) => id),
    )
  // Many are let through: look among the nearest, in wider and wider rings.
  for (let ring = Math.max(1_000, limit * 10); ; ring *= 10) {
    const near = matrix.nearest(vector, ring)
    const { rows } = await sql<{ id: string }>`
      select d.prompt_id as id from search_document d where d.prompt_id = any (${near.map(({ id }) => id)}::uuid[]) and ${conditions}`.execute(
      db,
    )
    const passed = new Set(rows.map(({ id }) => id))
    if (passed.size >= limit || near.length < ring) return near.filter(({ id }) => passed.has(id)).slice(0, limit)
  }
}
