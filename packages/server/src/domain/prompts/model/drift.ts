import { type Static, Type } from 'typebox'
import { Strict, Timestamp } from '../../../core/schemas.ts'
import { plainText } from './content.ts'
import { type Version, VersionNumber } from './shapes.ts'
import { countTokens } from './tokens.ts'
import { type Tone, toneOf } from './tone.ts'

const Shift = (description: string) => Strict({ from: Type.Number(), to: Type.Number(), delta: Type.Number() }, { description })
const Names = Type.Array(Type.String())

export const Drift = Strict(
  {
    from: VersionNumber,
    to: VersionNumber,
    createdAt: Type.String({ ...Timestamp, description: 'When the later version was made' }),
    similarity: Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'Sørensen–Dice coefficient of the pairs of neighbouring words and signs, with their counts: 1 for the same text',
    }),
    tokens: Shift('Tokens of o200k_base'),
    variables: Strict({ added: Names, removed: Names }),
    length: Strict({ characters: Shift('UTF-16 units'), words: Shift('Words'), sentences: Shift('Sentences; a line is one, too') }),
    tone: Strict(
      {
        sentenceLength: Shift('Words in a sentence, on average'),
        imperatives: Shift('Share of sentences that begin with a verb of instruction'),
        politeness: Shift('Words such as please, per 100 words'),
        hedging: Shift('Words such as perhaps, might, usually, per 100 words'),
        insistence: Shift('Words such as must, never, always, words in capitals and exclamation marks, per 100 words'),
      },
      { description: 'Counted by English word lists: near 0 in other languages' },
    ),
  },
  { $id: 'Drift' },
)
export type Drift = Static<typeof Drift>

/** What of a version the comparison is made of: computed once, however many it is compared with. */
export type Profile = Readonly<{
  version: number
  createdAt: string
  characters: number
  tokens: number
  variables: readonly string[]
  pairs: ReadonlyMap<string, number>
  tone: Tone
}>

/** Linear in the length of the text. */
export function profileOf({
  version,
  createdAt,
  content,
  variables,
}: Pick<Version, 'version' | 'createdAt' | 'content' | 'variables'>): Profile {
  const text = plainText(content)
  const names = variables.map(({ name }) => name)
  return {
    version,
    createdAt,
    characters: text.length,
    tokens: countTokens(text),
    variables: names,
    pairs: pairsOf(text),
    tone: toneOf(text),
  }
}

/** A word, a sign, or a character of a script without spaces between words. */
const piece = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{N}_]+|[^\s]/gu

/** How often each pair of neighbouring pieces occurs; the text's beginning and end are pieces of their own. */
function pairsOf(text: string): Map<string, number> {
  const pairs = new Map<string, number>()
  let before = ''
  const add = (one: string) => {
    const pair = `${before}\n${one}`
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
    before = one
  }
  for (const [one] of text.matchAll(piece)) add(one)
  add('')
  return pairs
}

/** Dice (1945) over the multisets: twice what both have, by the sum of what each has. */
function dice(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  const size = (pairs: ReadonlyMap<string, number>) => [...pairs.values()].reduce((sum, count) => sum + count, 0)
  let common = 0
  for (const [pair, count] of a) common += Math.min(count, b.get(pair) ?? 0)
  return (2 * common) / (size(a) + size(b))
}

/** What changed from one version to another. */
export function driftBetween(a: Profile, b: Profile): Drift {
  const shift = (from: number, to: number) => ({ from, to, delta: to - from })
  const tone = (of: (tone: Tone) => number) => shift(of(a.tone), of(b.tone))
  return {
    from: a.version,
    to: b.version,
    createdAt: b.createdAt,
    similarity: dice(a.pairs, b.pairs),
    tokens: shift(a.tokens, b.tokens),
    variables: {
      added: b.variables.filter((name) => !a.variables.includes(name)),
      removed: a.variables.filter((name) => !b.variables.includes(name)),
    },
    length: {
      characters: shift(a.characters, b.characters),
      words: tone(({ words }) => words),
      sentences: tone(({ sentences }) => sentences),
    },
    tone: {
      sentenceLength: tone(({ sentenceLength }) => sentenceLength),
      imperatives: tone(({ imperatives }) => imperatives),
      politeness: tone(({ politeness }) => politeness),
      hedging: tone(({ hedging }) => hedging),
      insistence: tone(({ insistence }) => insistence),
    },
  }
}
