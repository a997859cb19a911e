import { type RawBuilder, sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { pageSize } from '../../../core/page.ts'
import { findTexts, livePrompts, promptsNearby } from '../../prompts/index.ts'
import { type Candidate, type Explicit, type Related, ranked, rate, type Shared, type SharedUse, type Similar } from '../model/related.ts'
import { similarities } from '../model/similarity.ts'
import { assertLive } from './list.ts'
import '../tables.ts'

/** How many prompts are compared: those related, those most like it in their words, those used alike, then neighbours by name in the category. */
const maxCandidates = 300
const maxEach = 100
/** Where a prompt's newest words have not come into the index yet, the neighbours by name are there. */
const maxAlike = 50

export type Sources = Readonly<{ sharedUse: readonly SharedUse[]; similar: Similar }>

/** Prompts that are related to one, with the parts of the score and what they were made of. Templates are never among them. */
export async function getRelated(
  { id, limit = 10 }: { id: string; limit?: number | undefined },
  { sharedUse, similar }: Sources,
  ctx: Ctx,
): Promise<{ items: Related[]; compared: number }> {
  const own = await ctx.read(async (db) => {
    await assertLive(db, id)
    return (await findTexts(db, [id]))[0]
  })
  if (!own) return { items: [], compared: 0 }
  const elsewhere = (await Promise.all(sharedUse.map((source) => source(id, ctx)))).flat()
  const alike = await similar(wordsOf(own), maxAlike, ctx)
  return ctx.read(async (db) => {
    const explicit = await findExplicit(db, id)
    const shared = [...(await sharedIncluders(db, id)), ...elsewhere]
    const nearby = await promptsNearby(db, id, maxEach)
    const ids = [...explicit.map(({ promptId }) => promptId), ...alike, ...shared.map(({ promptId }) => promptId), ...nearby]
    const wanted = [...new Set(ids)].filter((one) => one !== id).slice(0, maxCandidates)
    const candidates = (await findTexts(db, wanted)).filter(({ isTemplate }) => !isTemplate)
    return { items: rateAll(own, candidates, explicit, shared).slice(0, pageSize(limit)), compared: candidates.length }
  })
}

const wordsOf = ({ name, description, text }: Candidate): string => `${name}\n${description}\n${text}`

function rateAll(own: Candidate, candidates: readonly Candidate[], explicit: readonly Explicit[], shared: readonly Shared[]): Related[] {
  const alike = similarities(wordsOf(own), candidates.map(wordsOf))
  const explicitOf = Map.groupBy(explicit, ({ promptId }) => promptId)
  const sharedOf = Map.groupBy(shared, ({ promptId }) => promptId)
  return ranked(
    candidates.map((candidate, i) =>
      rate(candidate, { explicit: explicitOf.get(candidate.id) ?? [], content: alike[i]!, shared: sharedOf.get(candidate.id) ?? [] }),
    ),
  )
}

async function findExplicit(db: Db, id: string): Promise<Explicit[]> {
  const { rows } = await sql<Explicit>`
    (select target_id as prompt_id, type, strength, true as outgoing from relationship where source_id = ${id}
    union all select source_id, type, strength, false from relationship where target_id = ${id})
    order by strength desc, prompt_id, type limit ${maxEach}`.execute(db)
  return rows
}

/** Includes by live prompts that the caller may see, by the prompt that is included. */
const includersOf = (target: RawBuilder<unknown>) => sql`(
  select r.source_id from relationship r
  cross join lateral (select 1 from ${livePrompts} p where p.id = r.source_id offset 0) p
  where r.target_id = ${target} and r.type = 'includes')`

/** Prompts that the same prompts include. The score is the Jaccard index of who includes them. */
async function sharedIncluders(db: Db, id: string): Promise<Shared[]> {
  const { rows } = await sql<{ promptId: string; common: number; own: number; theirs: number }>`
    with mine as materialized ${includersOf(sql`${id}::uuid`)},
    other as (
      select r.target_id as prompt_id, count(*)::int as common from mine
      cross join lateral (
        select target_id from relationship where source_id = mine.source_id and type = 'includes' and target_id <> ${id} offset 0) r
      group by r.target_id order by 2 desc, 1 limit ${maxEach})
    select o.prompt_id, o.common, (select count(*)::int from mine) as own,
      (select count(*)::int from ${includersOf(sql`o.prompt_id`)} t) as theirs
    from other o order by o.common desc, o.prompt_id`.execute(db)
  return rows.map(({ promptId, common, own, theirs }) => ({
    promptId,
    kind: 'includers',
    score: common / (own + theirs - common),
    detail: `${common} ${common === 1 ? 'prompt includes' : 'prompts include'} both.`,
  }))
}
