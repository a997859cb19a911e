import { hash } from 'node:crypto'
import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { pageSize } from '../../../core/page.ts'
import { queryTerms } from '../model/analysis.ts'
import { highlightsOf } from '../model/highlights.ts'
import { maxCandidates, mixed } from '../model/ranking.ts'
import {
  EncoderUnavailable,
  type FacetsFound,
  type Filters,
  type Highlight,
  type Mode,
  type Ranked,
  type SearchRequest,
  type Warning,
} from '../model/shapes.ts'
import type { Neighbours } from '../neighbours.ts'
import { countFacets } from './facets.ts'
import { conditionsOf } from './filters.ts'
import { rankByWords } from './keyword.ts'
import { type Meaning, rankByMeaning } from './meaning.ts'
import { type Understood, understand, type Vocabulary } from './terms.ts'

/** How many of each kind hybrid search mixes: the same for every page, so that pages belong to one ranking. */
const mixedOfEach = 200

type Facts = Readonly<{ id: string; name: string; description: string; tags: readonly string[] }>
export type SearchParts<F extends Facts> = Readonly<{
  meaning: Meaning | undefined
  vocabulary: Vocabulary
  neighbours: Pick<Neighbours<F>, 'find'>
}>
export type Found<F> = {
  items: (F & { score: number; highlights: Highlight[] })[]
  nextCursor: string | null
  mode: Mode
  facets?: FacetsFound
  suggestions: { query: string }[]
  warnings: Warning[]
}

/** What was found, best first, and what is to be told about it. */
type Ranking = Readonly<{ ranked: readonly Ranked[]; mode: Mode; understood?: Understood; warnings: readonly Warning[] }>
type Asked = Readonly<{ input: SearchRequest; filters: Filters; depth: number; vocabulary: Vocabulary; ctx: Ctx }>

/** Prompts that fit a query, best first. @throws EncoderUnavailable (503) in mode semantic, CursorInvalid (400) */
export async function searchPrompts<F extends Facts>(input: SearchRequest, parts: SearchParts<F>, ctx: Ctx): Promise<Found<F>> {
  const size = pageSize(input.limit)
  const scope = scopeOf(input, ctx)
  const offset = input.cursor === undefined ? 0 : Number(ctx.cursors.decode(scope, input.cursor)[0])
  const depth = input.facets?.length ? maxCandidates : Math.min(maxCandidates, offset + size + 1)
  const asked: Asked = { input, filters: input.filters ?? {}, depth, vocabulary: parts.vocabulary, ctx }
  const rankingOf = await prepare(asked, parts.meaning)
  const { ranking, facets, found } = await ctx.system(async (db) => {
    const ranking = await rankingOf(db)
    const facets = await facetsOf(db, ranking, asked)
    // What is shown is read as the caller: a mistake in the ranking shows nothing.
    const ids = ranking.ranked.slice(offset, offset + size).map(({ id }) => id)
    return { ranking, facets, found: await parts.neighbours.find(ids, await ctx.narrowed(db)) }
  }, 'read')
  const { ranked, mode, understood, warnings } = ranking
  const scores = new Map(ranked.map(({ id, score }) => [id, score]))
  const words = understood?.words ?? new Set()
  return {
    items: found.map(({ item, text, variables }) => ({
      ...item,
      score: scores.get(item.id)!,
      highlights: highlightsOf({ ...item, variables, content: text }, words),
    })),
    nextCursor: ranked.length > offset + size ? ctx.cursors.encode(scope, [offset + size]) : null,
    mode,
    ...(facets && { facets }),
    suggestions: understood?.suggestion === undefined ? [] : [{ query: understood.suggestion }],
    warnings: [...warnings],
  }
}

/** A cursor belongs to one query with its filters. */
function scopeOf({ query, filters = {}, mode = 'keyword' }: SearchRequest, ctx: Ctx): string {
  const asked = JSON.stringify([query, mode, Object.entries(filters).sort()])
  return `search ${ctx.workspaceId} ${hash('sha256', asked, 'base64url')}`
}

/** What has to wait for the encoder, and does so without a transaction. @returns how to rank */
async function prepare(asked: Asked, meaning: Meaning | undefined): Promise<(db: Db) => Promise<Ranking>> {
  const { query, mode = 'keyword' } = asked.input
  if (query.trim() === '') return (db) => latest(db, asked, mode)
  if (mode === 'keyword') return (db) => byWords(db, asked, asked.depth)
  // Begun before the words are looked for, so that both take their time at once; a failure is a value, looked at later.
  const encoding = meaning?.encode(query).catch((error: Error) => error)
  const words =
    mode === 'hybrid' ? await asked.ctx.system((db) => byWords(db, asked, Math.max(mixedOfEach, asked.depth)), 'read') : undefined
  const vector = await encoding
  if (!meaning || !vector || vector instanceof Error) {
    const ranking = degraded(words, meaning)
    return async () => ranking
  }
  return (db) => byMeaning(db, asked, { meaning, vector, words })
}

async function facetsOf(db: Db, { ranked }: Ranking, { input: { facets = [] }, ctx }: Asked): Promise<FacetsFound | undefined> {
  if (facets.length === 0) return undefined
  const ids = ranked.slice(0, maxCandidates).map(({ id }) => id)
  return countFacets(db, ids, facets, ctx)
}

async function byWords(db: Db, { input: { query }, filters, vocabulary, ctx }: Asked, limit: number): Promise<Ranking> {
  const asked = queryTerms(query)
  const understood = await understand(db, { query, asked, vocabulary }, ctx)
  const ranked = await rankByWords(db, understood, { filters, limit }, ctx)
  return { ranked, understood, mode: 'keyword', warnings: asked.length === 0 ? [noWords] : [] }
}

type ByMeaning = Readonly<{ meaning: Meaning; vector: Float32Array; words: Ranking | undefined }>

async function byMeaning(db: Db, { filters, depth, ctx }: Asked, { meaning, vector, words }: ByMeaning): Promise<Ranking> {
  const matrix = await meaning.matrix(db, ctx)
  const limit = words ? mixedOfEach : depth
  const near = matrix?.dimensions === vector.length ? await rankByMeaning(db, { matrix, vector }, { filters, limit }, ctx) : []
  const warnings = [...(words?.warnings ?? []), ...((await isBehind(db, ctx)) ? [vectorsBehind] : [])]
  if (!words) return { ranked: near.map(({ id, similarity }) => ({ id, score: similarity })), mode: 'semantic', warnings }
  const similarityOf = (id: string) => (near.length > 0 ? matrix?.similarity(id, vector) : undefined)
  return { ...words, ranked: mixed(words.ranked.slice(0, mixedOfEach), near, similarityOf), mode: 'hybrid', warnings }
}

/** Without an encoder words alone answer a hybrid search, and say so. @throws EncoderUnavailable (503) */
function degraded(words: Ranking | undefined, meaning: Meaning | undefined): Ranking {
  if (!words) throw new AppError(EncoderUnavailable, semanticAway, meaning && { headers: { 'Retry-After': '5' } }) // one that is off stays so
  return { ...words, warnings: [...words.warnings, meaning ? encoderAway : encoderOff] }
}

/** Without words: what changed last. */
async function latest(db: Db, { filters, depth, ctx }: Asked, mode: Mode): Promise<Ranking> {
  const { rows } = await sql<{ id: string }>`
    select d.prompt_id as id from search_document d where ${conditionsOf(filters, ctx)} order by d.updated_at desc, d.prompt_id limit ${depth}`.execute(
    db,
  )
  return { ranked: rows.map(({ id }) => ({ id, score: 0 })), mode, warnings: [] }
}

/** True while vectors of the workspace are still to be made. */
async function isBehind(db: Db, ctx: Ctx): Promise<boolean> {
  const row = await db
    .selectFrom('searchVectorDue')
    .select('promptId')
    .where('workspaceId', '=', ctx.workspaceId)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

const noWords: Warning = { code: 'query.no_words', detail: 'There is no word in the query to look for: letters or digits are needed.' }
const encoderOff: Warning = { code: 'encoder.off', detail: 'Found by words alone: this installation has no encoder (EMBEDDINGS=off).' }
const encoderAway: Warning = { code: 'encoder.unavailable', detail: 'Found by words alone: the encoder does not answer just now.' }
const vectorsBehind: Warning = {
  code: 'vectors.incomplete',
  detail: 'Vectors of some prompts are still being made: those are found by words alone.',
}
const semanticAway = 'The encoder is off or does not answer. Search in mode keyword or hybrid, or try again in a moment.'
