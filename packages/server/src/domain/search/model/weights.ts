import { tokens } from './analysis.ts'

/** What is searched of a prompt. */
export type Searchable = Readonly<{
  name: string
  category: string
  description: string
  tags: readonly string[]
  variables: readonly { name: string; description?: string | undefined }[]
  content: string
}>

/** How much one occurrence counts, by where it is. */
const fieldWeights = { name: 6, tags: 3, description: 2, category: 1, variables: 1, content: 1 } as const

/** Of a content of a megabyte the beginning is indexed: UTF-16 units, and different terms. */
const indexedText = 300_000
const indexedTerms = 8_000

/** BM25's saturation and length normalisation (Robertson & Zaragoza 2009), and the length that counts as middling. */
const k1 = 2
const b = 0.85
const middlingLength = 300

/** `impact`: 1–127 of 127, how much a document is about the term; `title`: it stands in the name or the tags. */
export type DocumentTerm = Readonly<{ term: string; impact: number; title: boolean }>

/**
 * The terms of a document with BM25F's term part (weighted frequencies, one saturation), without the idf, which the
 * moment of the search gives. The length is held against a fixed one, not against the present mean: a document need not
 * be written anew because others came.
 */
export function documentTerms(source: Searchable): DocumentTerm[] {
  const found = new Map<string, { frequency: number; title: boolean }>()
  let length = 0
  const add = (text: string, weight: number, title = false) => {
    for (const { term } of tokens(text)) {
      length++
      const entry = found.get(term)
      if (entry) {
        entry.frequency += weight
        entry.title ||= title
      } else if (found.size < indexedTerms) found.set(term, { frequency: weight, title })
    }
  }
  add(source.name, fieldWeights.name, true)
  for (const tag of source.tags) add(tag, fieldWeights.tags, true)
  add(source.description, fieldWeights.description)
  add(source.category, fieldWeights.category)
  for (const { name, description = '' } of source.variables) add(`${name} ${description}`, fieldWeights.variables)
  add(source.content.slice(0, indexedText), fieldWeights.content)
  const normal = k1 * (1 - b + (b * length) / middlingLength)
  return [...found].map(([term, { frequency, title }]) => ({
    term,
    impact: Math.max(1, Math.round((127 * frequency) / (frequency + normal))),
    title,
  }))
}

/** The largest number that a term may have. */
const largestId = 2 ** 28 - 1

/** A term's number as four bytes; only the first has its high bit set, so that in a row of entries none is found across two. */
export function termKey(id: number): Buffer {
  if (!Number.isInteger(id) || id < 1 || id > largestId) throw new Error(`no number of a term: ${id}`)
  return Buffer.from([0x80 | (id & 0x7f), (id >> 7) & 0x7f, (id >> 14) & 0x7f, (id >> 21) & 0x7f])
}

/**
 * The weights of a document as bytes: four zeros, then for each term its key and its impact. The database finds a term's
 * impact by `get_byte(weights, position(key in weights) + 3)`, which is one of the zeros when the term is not there.
 */
export function encodeWeights(terms: readonly { id: number; impact: number }[]): Buffer {
  const bytes = Buffer.alloc(4 + terms.length * 5)
  terms.forEach(({ id, impact }, i) => {
    termKey(id).copy(bytes, 4 + i * 5)
    bytes[8 + i * 5] = impact
  })
  return bytes
}

/** How much a term that is in `documents` of `total` tells apart (BM25's idf, never negative). */
export const idf = (documents: number, total: number): number =>
  Math.log(1 + (Math.max(total, documents) - documents + 0.5) / (documents + 0.5))
