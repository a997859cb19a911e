/** A word that there is, in how many documents. */
export type Spelling = Readonly<{ term: string; id: number; documents: number }>

/**
 * Edits between two words: insertions, deletions, changes and swaps of neighbours (optimal string alignment).
 * @returns `limit + 1` when they are further apart than `limit`
 */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1, swap))
    }
    before = row
    row = next
  }
  return Math.min(row[b.length]!, limit + 1)
}

/** One edit in a short word, two in a longer one. */
const allowed = (word: string): number => (word.length < 6 ? 1 : 2)

/** The likeliest spelling of a word that there is not: least edits, then most documents; else the commonest word that begins with it. */
export function likeliest(word: string, among: readonly Spelling[]): Spelling | undefined {
  const limit = allowed(word)
  const near = among.map((one) => ({ one, distance: editDistance(word, one.term, limit) })).filter(({ distance }) => distance <= limit)
  near.sort((x, y) => x.distance - y.distance || y.one.documents - x.one.documents || (x.one.term < y.one.term ? -1 : 1))
  if (near[0]) return near[0].one
  return among.filter(({ term }) => term.startsWith(word)).sort((x, y) => y.documents - x.documents)[0]
}

type Replacement = Readonly<{ spans: readonly (readonly [number, number])[]; by: string }>

/** The query with words replaced where they stand. */
export function respelt(query: string, replacements: readonly Replacement[]): string {
  const places = replacements.flatMap(({ spans, by }) => spans.map(([start, end]) => ({ start, end, by })))
  return places.sort((x, y) => y.start - x.start).reduce((text, { start, end, by }) => text.slice(0, start) + by + text.slice(end), query)
}
