import type { Ranked } from './shapes.ts'
import type { Neighbour } from './vectors.ts'

/** A term of the query that there are documents with. `factor` is below 1 for a likely spelling of what was asked for. */
export type KnownTerm = Readonly<{ id: number; documents: number; factor: number }>

/** So many documents at most are ranked for a query, however large the store is. */
export const maxCandidates = 1_000
/** So many terms at most take part in the ranking: the rarest, which are what tells documents apart. */
const maxTerms = 32

export type Plan = Readonly<{
  /** All terms that count, rarest first. */
  terms: readonly KnownTerm[]
  /** A document must have one of these. */
  needed: readonly KnownTerm[]
  /** All terms are needed ones: nothing that matches was left out. */
  complete: boolean
}>

/**
 * Which documents to rank: those with one of the rarest terms, as many terms as together stay below the bound; what has
 * common words alone is left out where rarer ones are at hand.
 */
export function planOf(known: readonly KnownTerm[]): Plan {
  const terms = [...known].sort((x, y) => x.documents - y.documents || x.id - y.id).slice(0, maxTerms)
  let sum = 0
  const needed = terms.filter(({ documents }, i) => {
    sum += documents
    return i === 0 || sum <= maxCandidates
  })
  return { terms, needed, complete: needed.length === terms.length }
}

/** How much meaning counts beside words. */
const semanticShare = 0.6

/**
 * Words and meaning as one ranking: each score against the best of its kind. What words did not find counts by its meaning
 * alone. The share was chosen on the corpus that `bench/search-quality` measures; 0.4 to 1 hardly differ.
 * @param similarityOf cosine of a prompt that words found; undefined: it has no vector
 * @returns best first
 */
export function mixed(words: readonly Ranked[], meaning: readonly Neighbour[], similarityOf: (id: string) => number | undefined): Ranked[] {
  const bestWord = words[0]?.score || 1
  const bestMeaning = Math.max(meaning[0]?.similarity ?? 0, 1e-6)
  const scores = new Map<string, number>()
  for (const { id, similarity } of meaning) scores.set(id, (semanticShare * Math.max(0, similarity)) / bestMeaning)
  for (const { id, score } of words) {
    const similar = scores.get(id) ?? (semanticShare * Math.max(0, similarityOf(id) ?? 0)) / bestMeaning
    scores.set(id, similar + score / bestWord)
  }
  return [...scores].map(([id, score]) => ({ id, score })).sort((x, y) => y.score - x.score || (x.id < y.id ? -1 : 1))
}
