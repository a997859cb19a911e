import type { Observation, Rule } from '../rule.ts'
import { firstMatches, isInstruction, type Passage, proseOf, spanOf } from '../subject.ts'

type Vague = Readonly<{ words: string; why: string; confidence: number }>

/** Words that leave to the model what the author has to say. English. */
const vague: readonly Vague[] = [
  {
    words: 'etc|et cetera|and so on|and so forth|and the like|and what not|and whatnot',
    why: 'does not say what else is meant',
    confidence: 0.6,
  },
  {
    words: 'stuff|things like that|or something|something like that|or whatever|and all that',
    why: 'does not say what is meant',
    confidence: 0.7,
  },
  { words: 'some kind of|some sort of|kind of|sort of|somehow|in some way|one way or another', why: 'does not say which', confidence: 0.5 },
  {
    words:
      'as appropriate|where appropriate|when appropriate|if appropriate|as you see fit|when possible|if possible|where possible|as best you can',
    why: 'leaves the decision open; say when',
    confidence: 0.4,
  },
]
const patterns = vague.map((one) => ({ ...one, pattern: new RegExp(`\\b(?:${one.words})\\b`, 'gi') }))
/** "this kind of", "what sort of": there it names a kind. */
const namesKind =
  /\b(?:this|that|these|those|what|which|the|each|every|any|same|another|different|certain|specific|one|new|following|a|right|other|same|only|first|best)\s*$/i

/** After examples "etc." only says that they are examples: in brackets, and where the sentence says so. */
const afterExamples = /[([][^)\]\n]*$|\b(?:e\.g\.|i\.e\.|for example|for instance|such as|like|including)[^.!?\n]*$/i
const endsList = /^(?:etc|et cetera|and so on|and so forth|and the like|and what ?not)$/i
/** Characters before a word that are looked at. */
const context = 200

const means = (prose: string, text: string, index: number): boolean => {
  const before = prose.slice(Math.max(0, index - context), index)
  if (/^(?:kind|sort) of$/i.test(text)) return !namesKind.test(before)
  return !endsList.test(text) || !afterExamples.test(before)
}

/** How many places of one prompt are told: after that the point is made. */
const most = 5
/** How many of each kind are looked at in one text. */
const looked = 100

/** Words that sound like an instruction and are none. */
export const vagueWord: Rule = {
  id: 'clarity/vague-word',
  kind: 'vague_word',
  severity: 'info',
  check: ({ passages }) => passages.filter(isInstruction).flatMap(vagueIn).slice(0, most),
}

function vagueIn(passage: Passage): Observation[] {
  const prose = proseOf(passage.text)
  return patterns
    .flatMap(({ pattern, why, confidence }) =>
      firstMatches(prose, pattern, looked)
        .filter(({ 0: text, index }) => means(prose, text, index))
        .map(({ 0: text, index }): Observation => {
          const span = spanOf(passage, index, index + text.length)
          return { confidence, reason: `"${text}" ${why}.`, evidence: { text: passage.text.slice(span.start, span.end) }, span }
        }),
    )
    .sort((a, b) => a.span!.start - b.span!.start)
}
