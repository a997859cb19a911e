/** A word of a text: the term it is indexed as, and where it stands (UTF-16 units, end exclusive). */
export type Token = Readonly<{ term: string; start: number; end: number }>

/** Words so common in English that they tell nothing apart. */
const stopWords = new Set(
  'a an and are as at be by for from has have in into is it its of on or that the their then there these they this to was were which will with you your'.split(
    ' ',
  ),
)

/** Longer words are cut: nobody searches for the rest, and an index must not grow by what was pasted. */
const longestTerm = 64

const scripts = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}`
/** A run of a script that sets no spaces; an emoji; or letters and digits with the marks that belong to them. */
const runs = new RegExp(String.raw`[${scripts}ー]+|\p{Extended_Pictographic}|(?:(?![${scripts}])[\p{L}\p{N}\p{M}])+`, 'gu')
const unspaced = new RegExp(`^[${scripts}ー]`, 'u')
/** `camelCase` and `JSONSchema` as their parts. */
const humps = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{M}]+|\p{N}+/gu

/**
 * Plural and singular as one term (the S-stemmer of Harman, 1991). Heavier stemming found less on the corpus that
 * `bench/search-quality` measures.
 */
function stem(word: string): string {
  if (word.length < 4 || !word.endsWith('s')) return word
  if (word.endsWith('ies') && word.length > 4) return `${word.slice(0, -3)}y`
  if (word.endsWith('sses')) return word.slice(0, -2)
  return /(ss|us|is)$/.test(word) ? word : word.slice(0, -1)
}

/** The term of a word, whatever its case, width and accents. */
function termOf(word: string): string {
  const folded = isAscii(word) ? word : word.normalize('NFKD').replace(/\p{M}/gu, '')
  return stem(folded.toLowerCase().slice(0, longestTerm))
}

const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text)
/** The same runs where there is nothing but ASCII: ten times as fast. */
const asciiRuns = /[A-Za-z0-9]+/g
const isHumped = /\p{Ll}\p{Lu}|\p{Lu}{2}\p{Ll}/u

/**
 * The words of a text. Scripts without spaces give every character and every pair of neighbours (so that any part of a
 * word is found); emoji stand for themselves; a word in camel case gives its parts too.
 */
export function* tokens(text: string): Generator<Token> {
  const ascii = isAscii(text)
  for (const { 0: run, index: start } of text.matchAll(ascii ? asciiRuns : runs)) {
    if (!ascii && unspaced.test(run)) yield* pairs(run, start)
    else for (const { term, start: from, end } of partsOf(run)) yield { term, start: start + from, end: start + end }
  }
}

/** What one word gives: itself and its parts, placed within it. */
type Parts = readonly Token[]

/** Texts repeat their words: what was worked out is kept, up to so many. */
const keptWords = 20_000
const worked = new Map<string, Parts>()

function partsOf(run: string): Parts {
  const known = worked.get(run)
  if (known) return known
  const parts = workOut(run)
  if (worked.size >= keptWords) worked.clear()
  if (run.length <= longestTerm) worked.set(run, parts)
  return parts
}

function workOut(run: string): Parts {
  const parts: Token[] = []
  const term = termOf(run)
  if (term !== '' && !stopWords.has(term)) parts.push({ term, start: 0, end: run.length })
  if (!isHumped.test(run)) return parts
  for (const { 0: hump, index } of run.matchAll(humps)) {
    const part = termOf(hump)
    if (part.length > 1 && part !== term && !stopWords.has(part)) parts.push({ term: part, start: index, end: index + hump.length })
  }
  return parts
}

function* pairs(run: string, start: number): Generator<Token> {
  let at = start
  let before: { sign: string; at: number } | undefined
  for (const sign of run) {
    const term = sign.normalize('NFKC')
    yield { term, start: at, end: at + sign.length }
    if (before) yield { term: before.sign + term, start: before.at, end: at + sign.length }
    before = { sign: term, at }
    at += sign.length
  }
}

/** A term of a query, and the places where the query has it. */
export type QueryTerm = Readonly<{ term: string; spans: readonly (readonly [number, number])[] }>

/** More words than these say no more about what is wanted; the first ones count. */
const longestQuery = 256

/** The different terms of a query. Single signs of an unspaced script are left to its pairs, where there are any. */
export function queryTerms(query: string): QueryTerm[] {
  const found = new Map<string, [number, number][]>()
  const all = [...tokens(query.slice(0, 20_000))]
  const inPairs = new Set(all.filter(isPair).flatMap(({ start, end }) => signStarts(query, start, end)))
  for (const token of all) {
    if (isSingle(token) && inPairs.has(token.start)) continue
    found.set(token.term, [...(found.get(token.term) ?? []), [token.start, token.end]])
    if (found.size >= longestQuery) break
  }
  return [...found].map(([term, spans]) => ({ term, spans }))
}

const isUnspaced = ({ term }: Token): boolean => unspaced.test(term)
const isPair = (token: Token): boolean => isUnspaced(token) && [...token.term].length === 2
const isSingle = (token: Token): boolean => isUnspaced(token) && [...token.term].length === 1
const signStarts = (text: string, start: number, end: number): number[] => {
  const [first = ''] = text.slice(start, end)
  return [start, start + first.length]
}

/** True when the query has words that could be spelt wrongly. */
export const isSpellable = (term: string): boolean => term.length >= 4 && /^[\p{L}]+$/u.test(term) && !unspaced.test(term)

/** The tokens of a text whose terms are among some, in order. */
export type Finder = (text: string) => Iterable<Token>

/**
 * Looks for terms in texts: like `tokens` and a filter, but it works out only those words that begin as a term does or
 * that are not ASCII. (A word of ASCII begins with its term; only of "-ies" the term's "y" is not there.)
 */
export function finderOf(terms: ReadonlySet<string>): Finder {
  const beginnings = [...terms].filter((term) => /^[a-z0-9]+$/.test(term)).map((term) => term.replace(/(?<=..)y$/, ''))
  const hint = new RegExp([...new Set(beginnings), notAscii].join('|'), 'gi')
  return function* (text) {
    for (let end = 0; ; ) {
      hint.lastIndex = end
      const hit = hint.exec(text)
      if (!hit) return
      let start = hit.index
      end = start + 1
      while (start > 0 && isSign(text.charCodeAt(start - 1))) start--
      while (isSign(text.charCodeAt(end))) end++
      for (const { term, start: from, end: to } of tokensOf(text.slice(start, end)))
        if (terms.has(term)) yield { term, start: start + from, end: start + to }
    }
  }
}

/** Dashes, quotes and bullets stand between words as ASCII's do. */
const notAscii = String.raw`[^\0-\x7f\u2010-\u2027]`

/** What can be part of a word. */
const isSign = (code: number): boolean =>
  (code >= 48 && code <= 57) ||
  (code >= 65 && code <= 90) ||
  (code >= 97 && code <= 122) ||
  (code > 127 && (code < 0x2010 || code > 0x2027))

/** Of a piece without blanks. */
const tokensOf = (piece: string): Iterable<Token> => (isAscii(piece) ? partsOf(piece) : tokens(piece))
