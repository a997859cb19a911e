import { type RawBuilder, sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type KnownTerm, maxCandidates, type Plan, planOf } from '../model/ranking.ts'
import type { Filters, Ranked } from '../model/shapes.ts'
import { idf, termKey } from '../model/weights.ts'
import { conditionsOf, isLimited } from './filters.ts'
import type { Understood } from './terms.ts'

type Fragment = RawBuilder<unknown>

/**
 * The prompts that fit these words best (BM25F with the workspace's own statistics), at most `limit`, best first. At most
 * `maxCandidates` documents are ranked, so that the cost does not grow with the store.
 * @param db across workspaces
 */
export async function rankByWords(
  db: Db,
  { known, total }: Understood,
  { filters, limit }: { filters: Filters; limit: number },
  ctx: Ctx,
): Promise<Ranked[]> {
  const plan = planOf(known)
  if (plan.terms.length === 0) return []
  const conditions = conditionsOf(filters, ctx)
  const isRare = plan.needed[0]!.documents <= maxCandidates
  const ranking: Ranking = { terms: plan.terms, total, limit, isNamed: !isLimited(filters, ctx) && plan.terms.length <= namedTerms }
  const found = await rank(
    db,
    isRare ? 'rare' : 'common',
    isRare ? withAny(plan.needed, conditions) : withCommon(plan, conditions),
    ranking,
  )
  if (found.length >= limit || plan.complete) return found
  // The rarest words stand in few documents that the filters let through: now any word will do.
  return rank(db, 'any', withAny(plan.terms, conditions), ranking)
}

/** A search without a filter has one text for each number of words, up to so many, and is planned once per connection. */
const namedTerms = 16

type Ranking = Readonly<{ terms: readonly KnownTerm[]; total: number; limit: number; isNamed: boolean }>

/** The sum is written out word by word, which is quicker than a join with a list of words. A document that comes twice counts once. */
async function rank(db: Db, kind: string, from: Fragment, { terms, total, limit, isNamed }: Ranking): Promise<Ranked[]> {
  const parts = terms.map(
    ({ id, documents, factor }) =>
      sql`${(factor * idf(documents, total)) / 127}::float8 * get_byte(weights, position(${termKey(id)}::bytea in weights) + 3)`,
  )
  const { rows } = await sql<Ranked>`${sql.raw(isNamed ? `/*hot:search_${kind}_${terms.length}*/` : '')}
    select distinct prompt_id as id, ${sql.join(parts, sql` + `)} as score
    from (${from}) as c order by score desc, prompt_id limit ${limit}`.execute(db)
  return rows
}

const ids = (terms: readonly KnownTerm[]): Fragment => sql`${terms.map(({ id }) => id)}::int[]`
const some = (condition: Fragment, conditions: Fragment): Fragment =>
  sql`(select d.prompt_id, d.weights from search_document d where ${condition} and ${conditions} limit ${sql.lit(maxCandidates)})`
const withAny = (terms: readonly KnownTerm[], conditions: Fragment): Fragment => some(sql`d.terms && ${ids(terms)}`, conditions)

/** Words that are all common: of too many documents those that have one in name or tags, those that have all of them, and some that have the rarest. */
const withCommon = ({ terms, needed }: Plan, conditions: Fragment): Fragment => sql`
  ${some(sql`d.title_terms && ${ids(terms)}`, conditions)}
  union all ${some(sql`d.terms @> ${ids(terms)}`, conditions)}
  union all ${withAny(needed, conditions)}`
