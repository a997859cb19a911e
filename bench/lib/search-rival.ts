import { queryTerms } from '../../packages/server/src/domain/search/model/analysis.ts'

/** The terms of a query: the rival gets them ready made. */
export const termsOf = (text: string): string[] => queryTerms(text).map(({ term }) => term)

/**
 * The ten best prompts by BM25 over the same tables, as one statement: the words' statistics, the documents with one of the
 * rarest words (at most 1,000; where those are too few any word will do, and where all words are common also those with one
 * in name or tags and those with all of them), their scores, and of the best what a list shows with the text. Words that
 * there are not are passed over: it looks for no likely spelling. $1 workspace, $2 terms.
 */
export const rivalSql = `
with asked as materialized (
  select id, documents, ln(1 + (n - documents + 0.5::float8) / (documents + 0.5::float8)) / 127 as idf,
    set_byte(set_byte(set_byte(set_byte('\\x00000000'::bytea, 0, 128 | (id & 127)), 1, (id >> 7) & 127), 2, (id >> 14) & 127), 3, (id >> 21) & 127) as key,
    sum(documents) over (order by documents, id) as running, row_number() over (order by documents, id) as rank
  from search_term t, (select documents as n from search_statistics where workspace_id = $1) s
  where t.workspace_id = $1 and term = any ($2::text[]) and documents > 0
), needed as materialized (
  select d.prompt_id, d.weights from search_document d
  where d.terms && (select array_agg(id) from asked where rank = 1 or running <= 1000) and d.workspace_id = $1 limit 1000
), kind as materialized (
  select min(documents) > 1000 as common, max(running) > 1000 and (select count(*) from needed) < 11 as few from asked
), titled as materialized (
  select d.prompt_id, d.weights from search_document d
  where (select common from kind) and d.title_terms && (select array_agg(id) from asked) and d.workspace_id = $1 limit 1000
), whole as materialized (
  select d.prompt_id, d.weights from search_document d
  where (select common from kind) and d.terms @> (select array_agg(id) from asked) and d.workspace_id = $1 limit 1000
), wider as materialized (
  select d.prompt_id, d.weights from search_document d
  where (select few from kind) and d.terms && (select array_agg(id) from asked) and d.workspace_id = $1 limit 1000
), found as (
  select * from needed where not (select few from kind) union all select * from wider
  union all select * from titled where prompt_id not in (select prompt_id from needed)
  union all select * from whole where prompt_id not in (select prompt_id from needed) and prompt_id not in (select prompt_id from titled)
), best as (
  select prompt_id, sum(idf * get_byte(weights, position(key in weights) + 3)) as score
  from found, asked group by prompt_id order by score desc, prompt_id limit 10
)
select p.*, (select json_object_agg(l.label, l.version) from prompt_label l where l.workspace_id = $1 and l.prompt_id = p.id) as labels,
  v.content, v.engine, v.checksum, b.score
from best b join prompt p on p.workspace_id = $1 and p.id = b.prompt_id and p.deleted_at is null
join prompt_version v on v.workspace_id = $1 and v.prompt_id = p.id and v.version = p.version order by b.score desc, p.id`

/** The same by PostgreSQL's own text search: any of the words. $1 words joined by "or". */
export const textSearchSql = `
select p.*, v.content, b.score from (
  select id, ts_rank_cd(document, q) as score from text_search, websearch_to_tsquery('english', $1) q
  where document @@ q order by score desc limit 10) b
join prompt p on p.id = b.id join prompt_version v on v.prompt_id = p.id and v.version = p.version order by b.score desc`
