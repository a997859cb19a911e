import { sql } from 'kysely'
import { LRUCache } from 'lru-cache'
import { visibleCategories } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { isSpellable, type QueryTerm } from '../model/analysis.ts'
import type { KnownTerm } from '../model/ranking.ts'
import { likeliest, respelt, type Spelling } from '../model/spelling.ts'

type Counted = Readonly<{ id: number; documents: number }>

/**
 * How many documents a word is in changes slowly, and only weighs: it may be half a minute old. A word that is new is
 * looked for each time.
 */
export type Vocabulary = Readonly<{ terms: LRUCache<string, Counted>; totals: LRUCache<string, { documents: number }> }>

export const createVocabulary = (): Vocabulary => ({
  terms: new LRUCache({ max: 50_000, ttl: 30_000 }),
  totals: new LRUCache({ max: 1_000, ttl: 30_000 }),
})

/** How much a likely spelling counts, and for how many words of a query one is looked for. */
const respeltFactor = 0.6
const maxRespelt = 4

export type Understood = Readonly<{
  known: readonly KnownTerm[]
  /** Documents in the workspace. */
  total: number
  /** Terms to highlight. */
  words: ReadonlySet<string>
  /** The query in words that there are, where it had others. */
  suggestion?: string
}>

/** What the words of a query are in this workspace's index. @param db across workspaces */
export async function understand(
  db: Db,
  { query, asked, vocabulary }: { query: string; asked: readonly QueryTerm[]; vocabulary: Vocabulary },
  ctx: Ctx,
): Promise<Understood> {
  const { workspaceId } = ctx
  const counted = await countTerms(
    db,
    { vocabulary, workspaceId },
    asked.map(({ term }) => term),
  )
  const found = asked.flatMap(({ term }) => counted.get(term) ?? []).map((one) => ({ ...one, factor: 1 }))
  const unknown = asked.filter(({ term }) => !counted.has(term) && isSpellable(term)).slice(0, maxRespelt)
  const likely = unknown.length === 0 ? [] : await spellings(db, unknown, ctx)
  const known = new Map<number, KnownTerm>(likely.map(({ by: { id, documents } }) => [id, { id, documents, factor: respeltFactor }]))
  for (const one of found) known.set(one.id, one)
  return {
    known: [...known.values()],
    total: await totalOf(db, { vocabulary, workspaceId }),
    words: new Set([...asked.map(({ term }) => term), ...likely.map(({ by }) => by.term)]),
    ...(likely.length > 0 && {
      suggestion: respelt(
        query,
        likely.map(({ spans, by }) => ({ spans, by: by.term })),
      ),
    }),
  }
}

type Whose = Readonly<{ vocabulary: Vocabulary; workspaceId: string }>

async function countTerms(
  db: Db,
  { vocabulary: { terms: kept }, workspaceId }: Whose,
  terms: readonly string[],
): Promise<Map<string, Counted>> {
  const counted = new Map<string, Counted>()
  const missing: string[] = []
  for (const term of terms) {
    const known = kept.get(`${workspaceId} ${term}`)
    if (known) counted.set(term, known)
    else missing.push(term)
  }
  if (missing.length === 0) return counted
  const { rows } = await sql<Counted & { term: string }>`/*hot:search_terms*/
    select term, id, documents from search_term where workspace_id = ${workspaceId} and term = any (${missing}::text[]) and documents > 0`.execute(
    db,
  )
  for (const { term, id, documents } of rows) {
    counted.set(term, { id, documents })
    kept.set(`${workspaceId} ${term}`, { id, documents })
  }
  return counted
}

async function totalOf(db: Db, { vocabulary: { totals }, workspaceId }: Whose): Promise<number> {
  const known = totals.get(workspaceId)
  if (known) return known.documents
  const row = await db.selectFrom('searchStatistics').select('documents').where('workspaceId', '=', workspaceId).executeTakeFirst()
  totals.set(workspaceId, { documents: row?.documents ?? 0 })
  return row?.documents ?? 0
}

/** For words that there are not the likeliest that there is, in prompts that the caller may see. */
async function spellings(db: Db, unknown: readonly QueryTerm[], ctx: Ctx): Promise<(QueryTerm & { by: Spelling })[]> {
  const visible = visibleCategories(ctx.actor)
  const seen = visible
    ? sql`exists (select 1 from search_document d where d.workspace_id = t.workspace_id and d.terms && array[t.id] and d.category = any (${[...visible]}::text[]))`
    : sql`true`
  const { rows } = await sql<Spelling & { wanted: string }>`
    select w.term as wanted, t.term, t.id, t.documents from unnest(${unknown.map(({ term }) => term)}::text[]) w (term)
    cross join lateral (
      select * from search_term t
      where t.workspace_id = ${ctx.workspaceId} and t.documents > 0 and t.term % w.term and ${seen}
      order by similarity(t.term, w.term) desc, t.documents desc limit 20) t`.execute(db)
  return unknown.flatMap((one) => {
    const by = likeliest(
      one.term,
      rows.filter(({ wanted }) => wanted === one.term),
    )
    return by ? [{ ...one, by }] : []
  })
}
