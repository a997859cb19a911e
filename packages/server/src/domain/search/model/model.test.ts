import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { finderOf, queryTerms, tokens } from './analysis.ts'
import { highlightsOf } from './highlights.ts'
import { mixed, planOf } from './ranking.ts'
import { editDistance, likeliest } from './spelling.ts'
import { createMatrix, quantize } from './vectors.ts'
import { documentTerms, encodeWeights, idf, termKey } from './weights.ts'

const termsOf = (text: string) => [...tokens(text)].map(({ term }) => term)
const anyText = fc.string({ unit: 'grapheme', maxLength: 200 })

describe('words', () => {
  test.each<[string, string[]]>([
    ['Cats and dogs', ['cat', 'dog']],
    ['queries, classes; status bus this', ['query', 'class', 'status', 'bus']],
    ['Ünïcode ＦＵＬＬ', ['unicode', 'full']],
    ['extract_wisdom', ['extract', 'wisdom']],
    ['camelCase JSONSchema', ['camelcase', 'camel', 'case', 'jsonschema', 'json', 'schema']],
    ['日本語', ['日', '本', '日本', '語', '本語']],
    ['GPT4で翻訳', ['gpt4', 'で', '翻', 'で翻', '訳', '翻訳']],
    ['🎉 %"\'; --', ['🎉']],
    ['', []],
  ])('%s', (text, expected) => expect(termsOf(text)).toEqual(expected))

  test('every token stands where it says', () =>
    fc.assert(
      fc.property(anyText, (text) => {
        for (const { start, end } of tokens(text)) expect(start >= 0 && start < end && end <= text.length).toBe(true)
      }),
    ))

  const pieces = 'cat Cats concat fooBar BARs bar stories story Story4 flies y ies _ é 日本 ca ba ’ … • ‼ — 🎉 ｃａｔ Café'
    .split(' ')
    .concat(' ', ' ')
  test('looking for some terms gives the same as looking at all tokens', () =>
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'grapheme', maxLength: 4 })), { maxLength: 12 }),
        fc.subarray(['cat', 'bar', 'foobar', 'story', 'y', 'fly', '4', '日', '日本', '🎉', 'cafe']),
        (parts, chosen) => {
          const text = parts.join('')
          const terms = new Set([...chosen, ...termsOf(text).slice(0, 2)])
          expect([...finderOf(terms)(text)]).toEqual([...tokens(text)].filter(({ term }) => terms.has(term)))
        },
      ),
    ))

  test('a query of an unspaced script is its pairs; a single sign stands alone', () => {
    expect(queryTerms('日本語').map(({ term }) => term)).toEqual(['日本', '本語'])
    expect(queryTerms('語').map(({ term }) => term)).toEqual(['語'])
  })
})

describe('weights', () => {
  test('a name counts more than a content, more mentions more than one, a short text more than a long one', () => {
    const base = { name: '', category: '', description: '', tags: [], variables: [], content: '' }
    const impact = (fields: object) => documentTerms({ ...base, ...fields }).find(({ term }) => term === 'owl')!.impact
    expect(impact({ name: 'owl' })).toBeGreaterThan(impact({ content: 'owl' }))
    expect(impact({ content: 'owl owl owl' })).toBeGreaterThan(impact({ content: 'owl' }))
    expect(impact({ content: `owl ${'mouse '.repeat(500)}` })).toBeLessThan(impact({ content: 'owl mouse' }))
  })

  test('each term is found at its own entry and nowhere else', () =>
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 28 - 1 }), { maxLength: 50 }),
        fc.integer({ min: 1, max: 2 ** 28 - 1 }),
        (ids, other) => {
          const bytes = encodeWeights(ids.map((id, i) => ({ id, impact: 1 + (i % 127) })))
          const read = (id: number) => bytes[bytes.indexOf(termKey(id)) + 1 + 3] ?? 0
          ids.forEach((id, i) => {
            expect(read(id)).toBe(1 + (i % 127))
          })
          if (!ids.includes(other)) expect(bytes.indexOf(termKey(other))).toBe(-1)
        },
      ),
    ))

  test('rare words weigh more, and none less than nothing', () => {
    expect(idf(1, 1000)).toBeGreaterThan(idf(500, 1000))
    expect(idf(1000, 10)).toBeGreaterThan(0)
  })
})

describe('ranking', () => {
  const known = (...documents: number[]) => documents.map((count, id) => ({ id, documents: count, factor: 1 }))
  test('the rarest terms are needed as long as they are in few documents together; at least one is', () => {
    expect(planOf(known(900, 10, 50, 80_000)).needed.map(({ documents }) => documents)).toEqual([10, 50, 900])
    expect(planOf(known(50_000, 80_000)).needed.map(({ documents }) => documents)).toEqual([50_000])
    expect(planOf(known(3, 4)).complete).toBe(true)
  })

  test('what both find comes before what one finds', () => {
    const words = [
      { id: 'a', score: 10 },
      { id: 'b', score: 9 },
    ]
    const meaning = [
      { id: 'b', similarity: 0.9 },
      { id: 'c', similarity: 0.8 },
    ]
    expect(mixed(words, meaning, (id) => (id === 'a' ? 0.1 : undefined)).map(({ id }) => id)).toEqual(['b', 'a', 'c'])
  })
})

describe('spelling', () => {
  test.each<[string, string, number]>([
    ['cat', 'cat', 0],
    ['cat', 'cut', 1],
    ['cat', 'act', 1],
    ['cat', 'cats', 1],
    ['kitten', 'sitting', 3],
    ['a', 'abcdef', 3],
  ])('%s and %s are %i edits apart, or further than was asked', (a, b, edits) => expect(editDistance(a, b, 2)).toBe(Math.min(edits, 3)))

  test('fewer edits before more documents; else what begins so', () => {
    const among = [
      { term: 'summer', id: 1, documents: 90 },
      { term: 'summary', id: 2, documents: 5 },
    ]
    expect(likeliest('sumary', among)?.term).toBe('summary')
    expect(likeliest('summ', among)?.term).toBe('summer')
    expect(likeliest('winter', among)).toBeUndefined()
  })
})

test('highlights lie within their text, show what matched, and cut no sign in two', () =>
  fc.assert(
    fc.property(fc.array(fc.constantFrom('owl', 'mouse', '🎉', '\n', 'OWLS', '語', '<b>'), { maxLength: 200 }), (words) => {
      const content = words.join(' ')
      const found = highlightsOf({ name: 'n', description: '', tags: [], variables: [], content }, new Set(['owl']))
      expect(found.length > 0).toBe(/owl/i.test(content))
      for (const { text, ranges } of found) {
        expect(content.includes(text)).toBe(true)
        expect(text.isWellFormed()).toBe(true)
        for (const { start, end } of ranges) expect(text.slice(start, end)).toMatch(/^owls?( |$)/i)
      }
    }),
  ))

describe('vectors', () => {
  const random = (seed: number, n: number) =>
    Array.from({ length: n }, (_, i) => Float32Array.from({ length: 64 }, (_, j) => Math.sin(seed + i * 131 + j * j * 7)))

  test('the nearest are those that a full comparison gives', () => {
    const matrix = createMatrix(64)
    const all = random(1, 6_000)
    all.forEach((vector, i) => {
      matrix.set(`${i}`, quantize(vector))
    })
    const [query] = random(9, 1)
    const cosine = (v: Float32Array) => v.reduce((sum, x, i) => sum + x * query![i]!, 0) / (Math.hypot(...v) * Math.hypot(...query!))
    const exact = all
      .map((v, i) => ({ id: `${i}`, s: cosine(v) }))
      .sort((a, b) => b.s - a.s)
      .slice(0, 10)
      .map(({ id }) => id)
    const found = matrix.nearest(query!, 10).map(({ id }) => id)
    expect(found.filter((id) => exact.includes(id)).length).toBeGreaterThanOrEqual(8)
    expect(
      matrix
        .nearest(query!, 10, ['5', '6', 'nowhere'])
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['5', '6'])
  })

  test('what is removed is gone, and what moved into its place is found', () => {
    const matrix = createMatrix(64)
    const vectors = random(3, 300)
    vectors.forEach((vector, i) => {
      matrix.set(`${i}`, quantize(vector))
    })
    for (let i = 0; i < 300; i += 2) matrix.remove(`${i}`)
    expect(matrix.size()).toBe(150)
    expect(matrix.similarity('299', vectors[299]!)).toBeCloseTo(1, 2)
    expect(matrix.similarity('0', vectors[0]!)).toBeUndefined()
    expect(() => matrix.set('x', new Int8Array(3))).toThrow('dimensions')
  })
})
