import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countTokens } from '../../prompts/index.ts'
import { fitText, joinTexts } from './context.ts'

/** As many tokens as words, and one for every six letters of a long one. */
const words = (text: string): number => text.split(/\s+/).reduce((sum, word) => sum + Math.ceil(word.length / 6), 0)

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.lorem({ maxCount: 40 }),
  fc.tuple(fc.constantFrom('a', ' ', '語', '🙂', 'ab cd '), fc.nat(3_000)).map(([text, times]) => text.repeat(times)),
)

test('what fits is a beginning of the text, whole characters, and never more tokens than allowed', () => {
  fc.assert(
    fc.property(anyText, fc.nat(400), fc.constantFrom(words, countTokens), (text, budget, count) => {
      const fitted = fitText(text, budget, count)
      expect(text.startsWith(fitted.text)).toBe(true)
      expect(fitted.whole).toBe(fitted.text === text)
      expect(fitted.tokens).toBeLessThanOrEqual(budget)
      expect(fitted.text.isWellFormed() || !text.isWellFormed()).toBe(true)
      if (!fitted.whole) expect(count(text)).toBeGreaterThan(budget / 2)
    }),
    { numRuns: 150 },
  )
})

test('a text is cut between words where it can be', () => {
  expect(fitText('one two three four', 2, words)).toEqual({ text: 'one two', tokens: 2, whole: false })
  expect(fitText('x'.repeat(60), 3, words).text).toBe('x'.repeat(18))
  expect(fitText('one', 0, words)).toMatchObject({ text: '', whole: false })
})

test('texts are joined in their order under their titles: whole ones, one that is cut, and those without room or text', async () => {
  const texts: Record<string, string> = { a: 'one two', b: '', c: 'three four five', d: 'six' }
  const linked = Object.entries(texts).map(([id, text]) => ({ id, title: id.toUpperCase(), uri: null, textBytes: text.length }))
  const asked: string[] = []
  const read = async (id: string) => {
    asked.push(id)
    return texts[id]!
  }
  const whole = await joinTexts(linked, read, 100, words)
  expect([whole.text, whole.truncated]).toEqual(['# A\n\none two\n\n# C\n\nthree four five\n\n# D\n\nsix', false])
  expect(whole.documents.map(({ included }) => included)).toEqual(['whole', 'no_text', 'whole', 'whole'])
  asked.length = 0
  const cut = await joinTexts(linked, read, 8, words)
  expect([cut.text, cut.truncated, asked]).toEqual(['# A\n\none two\n\n# C\n\nthree four', true, ['a', 'c']])
  expect(cut.documents.map(({ included }) => included)).toEqual(['whole', 'no_text', 'cut', 'no_room'])
  expect(cut.tokens).toBeLessThanOrEqual(8)
  const tiny = await joinTexts(linked, read, 1, words)
  expect([tiny.text, tiny.tokens, tiny.documents.map(({ included }) => included)]).toEqual([
    '',
    0,
    ['no_room', 'no_text', 'no_room', 'no_room'],
  ])
})
