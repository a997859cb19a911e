import type { Observation, Rule } from '../rule.ts'
import { type Passage, spanOf, withoutCode } from '../subject.ts'

/** Shorter ones, such as headings and rules, may well stand twice. */
const [minCharacters, minWords] = [60, 8]
const word = /[\p{L}\p{N}]+/gu

/** Paragraphs: what stands between blank lines. */
const paragraph = /\S[^\n]*(?:\n[ \t]*\S[^\n]*)*/g

/** A paragraph that stands in the prompt a second time; examples of code may. */
export const duplicatedParagraph: Rule = {
  id: 'duplication/paragraph',
  kind: 'duplicated_paragraph',
  severity: 'warning',
  check({ passages }) {
    const seen = new Map<string, { passage: Passage; start: number }>()
    return passages.flatMap((passage) =>
      [...withoutCode(passage.text).matchAll(paragraph)].flatMap((found): Observation[] => {
        const text = passage.text.slice(found.index, found.index + found[0].trimEnd().length)
        if (text.length < minCharacters || (text.match(word)?.length ?? 0) < minWords) return []
        const key = text.toLowerCase().replace(/\s+/g, ' ')
        const first = seen.get(key)
        if (!first) {
          seen.set(key, { passage, start: found.index })
          return []
        }
        return [
          {
            confidence: 0.9,
            reason: 'This paragraph stands in the prompt before. Keep it once, where it matters most.',
            evidence: { text: text.slice(0, 500), first: { pointer: first.passage.pointer, start: first.start } },
            span: spanOf(passage, found.index, found.index + text.length),
            suggestedText: '',
          },
        ]
      }),
    )
  },
}
