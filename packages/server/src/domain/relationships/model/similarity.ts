/** Runs of letters and digits; scripts without spaces between words are cut into pairs of characters. */
const word = /[\p{L}\p{N}]+/gu
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u

function words(text: string): string[] {
  const found: string[] = []
  for (const [run] of text.toLowerCase().matchAll(word)) {
    if (!unspaced.test(run)) {
      if (run.length > 1) found.push(run)
      continue
    }
    const characters = [...run]
    if (characters.length === 1) found.push(run)
    for (let i = 1; i < characters.length; i++) found.push(characters[i - 1]! + characters[i]!)
  }
  return found
}

type Weights = ReadonlyMap<string, number>

/** How often each word occurs, damped: 1 + ln n. */
function frequencies(text: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const one of words(text)) counts.set(one, (counts.get(one) ?? 0) + 1)
  for (const [one, count] of counts) counts.set(one, 1 + Math.log(count))
  return counts
}

const length = (weights: Weights): number => Math.sqrt([...weights.values()].reduce((sum, weight) => sum + weight * weight, 0))

export type Similarity = Readonly<{ score: number; words: readonly string[] }>

/**
 * How alike a text is to each of others: cosine of TF-IDF weights (Salton and Buckley 1988, "ltc": 1 + ln tf, ln N/df,
 * cosine), where rarity is counted among all the texts given. Deterministic; linear in their length.
 * @returns for each text a score from 0 (no word in common) to 1 (the same words), and up to five words that made it
 */
export function similarities(text: string, others: readonly string[]): Similarity[] {
  const all = [text, ...others].map(frequencies)
  const documents = new Map<string, number>()
  for (const counts of all) for (const one of counts.keys()) documents.set(one, (documents.get(one) ?? 0) + 1)
  // One more than N, so that words of two texts among two still count.
  const rarity = (one: string) => Math.log((all.length + 1) / documents.get(one)!)
  const [own, ...rest] = all.map((counts) => new Map([...counts].map(([one, weight]) => [one, weight * rarity(one)])))
  const ownLength = length(own!)
  return rest.map((weights) => {
    const common = [...own!].flatMap(([one, weight]): [string, number][] => {
      const theirs = weights.get(one)
      return theirs === undefined ? [] : [[one, weight * theirs]]
    })
    const lengths = ownLength * length(weights)
    const product = common.reduce((sum, [, weight]) => sum + weight, 0)
    const strongest = common.sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, 5)
    return { score: lengths === 0 ? 0 : Math.min(1, product / lengths), words: strongest.map(([one]) => one) }
  })
}
