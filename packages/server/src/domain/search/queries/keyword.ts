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
  const isPlain = plan.needed[0]!.documents <= maxCandidates && !isLimited(filters, ctx)
  const found = await rank(db, candidates(plan, conditions), { plan, total, limit, ...(isPlain && { name: plainName }) })
  if (found.length >= limit || plan.complete) return found
  // The rarest words stand in few documents that the filters let through: now any word will do.
  return rank(db, withAny(plan.terms, conditions), { plan, total, limit })
}

/** The commonest search, of rare words without a filter, has one text, and so is planned once per connection. */
const plainName = sql.raw('/*hot:search_plain*/')

type Ranking = Readonly<{ plan: Plan; total: number; limit: number; name?: Fragment }>

async function rank(db: Db, from: Fragment, { plan: { terms }, total, limit, name = sql`` }: Ranking): Promise<Ranked[]> {
  const keys = terms.map(({ id }) => termKey(id))
  const weights = terms.map(({ documents, factor }) => (factor * idf(documents, total)) / 127)
  const { rows } = await sql<Ranked>`${name}
    select c.prompt_id as id, sum(q.weight * get_byte(c.weights, position(q.key in c.weights) + 3)) as score
    from (${from}) as c cross join unnest(${keys}::bytea[], ${weights}::float8[]) as q (key, weight)
    group by c.prompt_id order by score desc, c.prompt_id limit ${limit}`.execute(db)
  return rows
}

const ids = (terms: readonly KnownTerm[]): Fragment => sql`${terms.map(({ id }) => id)}::int[]`
const withAny = (terms: readonly KnownTerm[], conditions: Fragment): Fragment =>
  sql`select d.prompt_id, d.weights from search_document d where d.terms && ${ids(terms)} and ${conditions} limit ${maxCandidates}`

/**
 * Rare words: the documents that have one. Words that are all common: of too many documents those first that have one in
 * name or tags, then those that have all of them, then any.
 */
function candidates({ terms, needed }: Plan, conditions: Fragment): Fragment {
  if (needed[0]!.documents <= maxCandidates) return withAny(needed, conditions)
  const part = (condition: Fragment) =>
    sql`(select d.prompt_id, d.weights from search_document d where ${condition} and ${conditions} limit ${maxCandidates})`
  return sql`select distinct on (prompt_id) prompt_id, weights from (
    ${part(sql`d.title_terms && ${ids(terms)}`)} union all ${part(sql`d.terms @> ${ids(terms)}`)}
    union all ${part(sql`d.terms && ${ids(needed)}`)}) as u`
}
