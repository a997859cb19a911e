import type { Context, DocumentItem } from './shapes.ts'

/** Counts the tokens of a text. */
export type CountTokens = (text: string) => number

/**
 * Texts in one, each under its title, in their order, as far as the tokens go; the first that has no room is cut, and what
 * comes after it is left out.
 * @param read gives the text of a document; asked one after another, and no more than there is room for
 * @param maxTokens of the whole
 */
export async function joinTexts(
  linked: readonly Pick<DocumentItem, 'id' | 'title' | 'uri' | 'textBytes'>[],
  read: (id: string) => Promise<string>,
  maxTokens: number,
  count: CountTokens,
): Promise<Context> {
  const parts: string[] = []
  const documents: Context['documents'] = []
  let left = maxTokens
  for (const { id, title, uri, textBytes } of linked) {
    const heading = `${parts.length > 0 ? '\n\n' : ''}# ${title}\n\n`
    const room = textBytes > 0 && left > 0 ? left - count(heading) : 0
    const fitted = room > 0 ? fitText(await read(id), room, count) : undefined
    if (!fitted || fitted.text === '') {
      documents.push({ id, title, uri, tokens: 0, included: textBytes === 0 ? 'no_text' : 'no_room' })
      continue
    }
    const tokens = left - room + fitted.tokens
    documents.push({ id, title, uri, tokens, included: fitted.whole ? 'whole' : 'cut' })
    parts.push(heading + fitted.text)
    left = fitted.whole ? left - tokens : 0
  }
  const tokens = documents.reduce((sum, document) => sum + document.tokens, 0)
  const truncated = documents.some(({ included }) => included === 'cut' || included === 'no_room')
  return { text: parts.join(''), tokens, maxTokens, truncated, documents }
}

/** Texts are counted in pieces of this many characters, as the counter itself does: a long run without a break is slow. */
const piece = 2_000

/**
 * The longest beginning of a text that fits, cut between words where one ends nearby, and never within a character.
 * @param budget tokens, at least 0
 * @returns the text, and its tokens counted piece by piece (never more than the budget)
 */
export function fitText(text: string, budget: number, count: CountTokens): { text: string; tokens: number; whole: boolean } {
  let [end, tokens] = [0, 0]
  while (end < text.length) {
    const next = boundary(text, Math.min(text.length, end + piece))
    const more = count(text.slice(end, next))
    if (tokens + more > budget) break
    ;[end, tokens] = [next, tokens + more]
  }
  if (end === text.length) return { text, tokens, whole: true }
  const rest = longestPrefix(text.slice(end, boundary(text, Math.min(text.length, end + piece))), budget - tokens, count)
  const words = text.slice(end, Math.max(end, wordEnd(text, end + rest.length)))
  const tail = count(words) <= budget - tokens ? words : rest
  return { text: text.slice(0, end) + tail, tokens: tokens + count(tail), whole: false }
}

/** The longest beginning of a short text with at most `budget` tokens, by halving: longer ones hardly ever have fewer. */
function longestPrefix(text: string, budget: number, count: CountTokens): string {
  let [fits, over] = [0, text.length + 1]
  while (over - fits > 1) {
    const middle = Math.floor((fits + over) / 2)
    if (count(text.slice(0, boundary(text, middle))) <= budget) fits = middle
    else over = middle
  }
  return text.slice(0, boundary(text, fits))
}

/** Not between the halves of a surrogate pair. */
const boundary = (text: string, at: number): number =>
  at > 0 && at < text.length && text.charCodeAt(at - 1) >= 0xd800 && text.charCodeAt(at - 1) <= 0xdbff ? at - 1 : at

/** Back to the end of a word, when there is one within a hundred characters. */
function wordEnd(text: string, at: number): number {
  const near = text.slice(Math.max(0, at - 100), at)
  const space = near.search(/\s\S*$/)
  return space > 0 ? at - near.length + space : at
}
