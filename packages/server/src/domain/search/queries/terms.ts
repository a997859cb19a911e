import { sql } from 'kysely'
import { LRUCache } from 'lru-cache'
import { visibleCategories } from '../../../core/access.ts'
import { atMost } from '../../../core/at-most.ts'
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
  terms: new LRUCache({ ...atMost(50_000), ttl: 30_000 }),
  totals: new LRUCache({ ...atMost(1_000), ttl: 30_000 }),
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
  const { counted, similar } = await lookUp(db, { asked, vocabulary }, ctx)
  const found = asked.flatMap(({ term }) => counted.get(term) ?? []).map((one) => ({ ...one, factor: 1 }))
  const likely = asked.flatMap((one) => {
    const by = likeliest(one.term, similar.get(one.term) ?? [])
    return by ? [{ ...one, by }] : []
  })
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

type Looked = Readonly<{
  /** Terms that there are. */
  counted: ReadonlyMap<string, Counted>
  /** Of terms that there are not: similar ones. */
  similar: ReadonlyMap<string, Spelling[]>
}>

/** What the index has of these terms: remembered, or by one statement. */
async function lookUp(
  db: Db,
  { asked, vocabulary: { terms: kept } }: { asked: readonly QueryTerm[]; vocabulary: Vocabulary },
  ctx: Ctx,
): Promise<Looked> {
  const counted = new Map<string, Counted>()
  const similar = new Map<string, Spelling[]>()
  for (const { term } of asked) {
    const known = kept.get(`${ctx.workspaceId} ${term}`)
    if (known) counted.set(term, known)
  }
  const missing = asked.flatMap(({ term }) => (counted.has(term) ? [] : term))
  if (missing.length === 0) return { counted, similar }
  for (const { wanted, isExact, ...found } of await askFor(db, missing, ctx)) {
    if (!isExact) similar.set(wanted, [...(similar.get(wanted) ?? []), found])
    else {
      const one = { id: found.id, documents: found.documents }
      counted.set(wanted, one)
      kept.set(`${ctx.workspaceId} ${wanted}`, one)
    }
  }
  return { counted, similar }
}

type Answered = Spelling & Readonly<{ wanted: string; isExact: boolean }>

/** Each word itself; for the first few that there are not, similar ones that are in prompts that the caller may see. */
async function askFor(db: Db, terms: readonly string[], { workspaceId, actor }: Ctx): Promise<Answered[]> {
  const visible = visibleCategories(actor)
  const seen = visible
    ? sql`exists (select 1 from search_document d where d.workspace_id = t.workspace_id and d.terms && array[t.id] and d.category = any (${[...visible]}::text[]))`
    : sql`true`
  // Without a limit there is one text, which is planned once per connection.
  const { rows } = await sql<Answered>`${sql.raw(visible ? '' : '/*hot:search_terms*/')}
    with asked as (
      select a.wanted, e.id, e.documents,
        e.id is null and spellable and row_number() over (partition by e.id is null and spellable order by n) <= ${maxRespelt} as is_lacking
      from unnest(${[...terms]}::text[], ${terms.map(isSpellable)}::boolean[]) with ordinality as a (wanted, spellable, n)
      left join search_term e on e.workspace_id = ${workspaceId} and e.term = a.wanted and e.documents > 0)
    select wanted, true as is_exact, wanted as term, id, documents from asked where id is not null
    union all
    select wanted, false, t.term, t.id, t.documents from asked cross join lateral (
      select * from search_term t
      where is_lacking and t.workspace_id = ${workspaceId} and t.documents > 0 and t.term % wanted and ${seen}
      order by similarity(t.term, wanted) desc, t.documents desc limit 20) t`.execute(db)
  return rows
}

async function totalOf(db: Db, { vocabulary: { totals }, workspaceId }: { vocabulary: Vocabulary; workspaceId: string }): Promise<number> {
  const known = totals.get(workspaceId)
  if (known) return known.documents
  const row = await db.selectFrom('searchStatistics').select('documents').where('workspaceId', '=', workspaceId).executeTakeFirst()
  totals.set(workspaceId, { documents: row?.documents ?? 0 })
  return row?.documents ?? 0
}
