import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { driftBetween, profileOf } from './drift.ts'
import { toneOf } from './tone.ts'

const profile = (content: string, names: readonly string[] = [], version = 1) =>
  profileOf({ version, createdAt: '', content, variables: names.map((name) => ({ name, type: 'string', required: true })) })
const similarity = (a: string, b: string) => driftBetween(profile(a), profile(b)).similarity

describe('similarity', () => {
  test.each([
    ['the same', 'one two three', 'one two three', 1],
    ['spaces alone', 'one  two\nthree', 'one two three', 1],
    ['one word of three', 'one two three', 'one two four', 0.5],
    ['nothing', 'one two three', 'four five six', 0],
    ['two empty texts', '', ' ', 1],
    ['a script without spaces', '总结报告', '总结故事', 0.4],
  ])('%s', (_, a, b, expected) => expect(similarity(a, b)).toBeCloseTo(expected, 9))

  test('is from 0 to 1, the same both ways, and 1 for the same text', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', '.', '你', '\n'), { maxLength: 20 }).map((words) => words.join(' '))
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(similarity(a, b)).toBe(similarity(b, a))
        expect(similarity(a, b) >= 0 && similarity(a, b) <= 1).toBe(true)
        expect(similarity(a, a)).toBe(1)
      }),
    )
  })
})

test('a drift says what came, what went, and how much', () => {
  const drift = driftBetween(profile('Please maybe write to {{a}}.', ['a', 'b']), profile('You MUST write! Never stop!', ['b', 'c'], 2))
  expect(drift).toMatchObject({
    ...{ from: 1, to: 2, variables: { added: ['c'], removed: ['a'] } },
    length: { characters: { from: 28, to: 27, delta: -1 }, sentences: { from: 1, to: 2, delta: 1 } },
    tone: {
      politeness: { from: 20, to: 0, delta: -20 },
      hedging: { from: 20, to: 0 },
      insistence: { from: 0, to: 80 },
      imperatives: { from: 0, to: 0.5 },
    },
  })
  expect(drift.tokens.delta).toBe(drift.tokens.to - drift.tokens.from)
})

test.each<[string, Partial<ReturnType<typeof toneOf>>]>([
  ['', { words: 0, sentences: 0, sentenceLength: 0, imperatives: 0, hedging: 0 }],
  ['One two. Three four!\nFive', { words: 5, sentences: 3, sentenceLength: 5 / 3 }],
  ['Write a poem. It may rhyme.', { imperatives: 0.5, hedging: 100 / 6 }],
  ["Don't use JSON in e-mail", { words: 5, imperatives: 1, insistence: 20 }],
  ['- Summarize\n- Translate\n- a list', { imperatives: 2 / 3 }],
])('the tone of %j', (text, expected) => {
  const tone = toneOf(text)
  for (const [name, value] of Object.entries(expected))
    expect([name, tone[name as keyof typeof tone]]).toEqual([name, expect.closeTo(value, 9)])
})
