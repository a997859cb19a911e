import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findingsOf } from './rule.ts'
import { rules } from './rules/index.ts'
import { proseOf, type Subject, withoutCode } from './subject.ts'

const subject = (text: string, more: Partial<Subject> = {}): Subject => ({
  engine: 'mustache',
  passages: [{ pointer: '/content', message: null, role: null, text }],
  variables: [],
  uses: [],
  hasIncludes: false,
  tokens: 100,
  config: {},
  ...more,
})
const said = (text: string, more: Partial<Subject> = {}) =>
  findingsOf(subject(text, more), rules).map(({ kind, evidence }) => (evidence.text === undefined ? kind : `${kind} ${evidence.text}`))
const asked = 'Answer as a list.'
const paragraph = 'Always answer in the language in which the customer has written to you, and stay polite.'

describe('each rule says what it is for, and is quiet about what only looks like it', () => {
  test.each<[string, string, Partial<Subject>, string[]]>([
    ['an unused variable', asked, { variables: [{ name: 'a' }, { name: 'b' }], uses: ['a'] }, ['unused_variable']],
    ['a variable that an include may use', asked, { variables: [{ name: 'a' }], hasIncludes: true }, []],
    ['a use without a declaration', asked, { uses: ['a', 'a'] }, ['undefined_variable']],
    ['a variable of another syntax', `${asked} To \${name:you}.`, {}, [`undefined_variable \${name:you}`]],
    ['a place to fill in by hand', `${asked} Dear [Insert name here],`, {}, ['undefined_variable [Insert name here]']],
    ['a link', `${asked} See [your manual](https://example.com).`, {}, []],
    ['a placeholder between angles', `${asked} Dear <your name>,`, {}, ['undefined_variable <your name>']],
    ['a tag', `${asked} <b>bold</b> <name>`, {}, []],
    ['braces of code and JSON', `${asked} {"a": {"b": 1}} {x} \${1}`, {}, []],
    ['a shell variable in code', `${asked}\n\`\`\`sh\necho \${HOME}\n\`\`\`\nand \`\${x}\``, {}, []],
    ['mustache that nothing fills', `${asked} {{name}}`, { engine: 'none' }, ['undefined_variable {{name}}']],
    [
      'a paragraph twice',
      `${paragraph}\n\n${asked}\n\n${paragraph.toUpperCase()}`,
      {},
      [`duplicated_paragraph ${paragraph.toUpperCase()}`],
    ],
    ['a short line twice', `Be brief.\n\n${asked}\n\nBe brief.\n\n${'-'.repeat(90)}\n\nx\n\n${'-'.repeat(90)}`, {}, []],
    ['the same code twice', `${asked}\n\n\`\`\`\n${paragraph}\n\`\`\`\n\n${asked}\n\n\`\`\`\n${paragraph}\n\`\`\``, {}, []],
    ['an open fence', `${asked}\n\`\`\`json\n{}\n`, {}, ['unclosed_fence ```']],
    ['fences inside a longer one', `${asked}\n\`\`\`\`\n\`\`\`\n\`\`\`\`\n`, {}, []],
    [
      'no form of the answer',
      'Act as a philosopher and think about what it means to be free when everybody around you is bound by what they own and owe to others.',
      {},
      ['missing_output_format'],
    ],
    ['few words', 'Act as a philosopher.', {}, []],
    ['a form of the answer', `${'Think about what it means to be free. '.repeat(6)} Answer in two sentences.`, {}, []],
    ['a form in the config', 'Think about what it means to be free. '.repeat(6), { config: { responseFormat: {} } }, []],
    ['another script', '请思考自由的意义'.repeat(30), {}, []],
    ['JSON', `{ "mood": "${'bright and warm '.repeat(20)}" }`, {}, []],
    ['a long prompt', asked, { tokens: 5_000 }, [`over_long`]],
    [
      'vague words',
      `${asked} Cover dates, places and so on, and add stuff as you see fit.`,
      {},
      ['vague_word stuff', 'vague_word and so on', 'vague_word as you see fit'],
    ],
    ['etc. after examples', `${asked} Cover facts (dates, places, etc.), such as names, etc.`, {}, []],
    ['a kind of something', `${asked} Say what kind of animal it is, and this sort of tree.`, {}, []],
    ['vague words in code', `${asked} Run \`make stuff\`.`, {}, []],
  ])('%s', (_, text, more, expected) => {
    expect(said(text, more)).toEqual(expected)
  })

  test('what an assistant said is an example', () => {
    const passages = ['assistant', 'user'].map((role, i) => ({
      pointer: `/content/${i}/content`,
      message: i,
      role,
      text: `${asked} Stuff.`,
    }))
    expect(findingsOf(subject('', { passages }), rules).map(({ span }) => span?.message)).toEqual([1])
  })
})

test('the gravest come first, then the surest, then the earliest', () => {
  const text = `${asked} Somehow \${b} and [insert c], or something.`
  const found = findingsOf(subject(text, { variables: [{ name: 'x' }] }), rules)
  expect(found.map(({ severity, confidence }) => [severity, confidence])).toEqual([
    ['warning', 0.95],
    ['warning', 0.9],
    ['warning', 0.8],
    ['info', 0.7],
    ['info', 0.5],
  ])
})

test('what is suggested is put in the place of the span', () => {
  const text = `${asked} To \${first name:you}.`
  const [found] = findingsOf(subject(text), rules)
  expect(text.slice(0, found!.span!.start) + found!.suggestedText + text.slice(found!.span!.end)).toBe(`${asked} To {{first_name}}.`)
})

test('a rule tells 20 places at most', () => {
  expect(said(`${asked} ${`\${a} `.repeat(1_000)}`)).toHaveLength(20)
})

/** Pieces that rules look for, in any order: what trips them up, if anything does. */
const pieces = [
  '```',
  '`',
  '~~~',
  '\n',
  '\n\n',
  '{{',
  '}}',
  '${',
  '}',
  '[insert ',
  ']',
  '<your ',
  '>',
  '{%',
  '%}',
  ' etc',
  '(',
  'kind of ',
  'word ',
  paragraph,
  'ß',
  '请',
  '\u{1F600}',
  '\t',
]

describe('whatever the text', () => {
  test('nothing throws, and each span is inside its passage and holds what the evidence says', () => {
    const text = fc
      .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 5 })), { maxLength: 60 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, fc.constantFrom('mustache', 'liquid', 'none'), (content, engine) => {
        for (const found of findingsOf(subject(content, { engine, tokens: 9_000 }), rules)) {
          expect(found.confidence > 0 && found.confidence <= 1).toBe(true)
          if (!found.span) continue
          const { start, end } = found.span
          expect(0 <= start && start <= end && end <= content.length).toBe(true)
          if (typeof found.evidence.text === 'string') expect(content.slice(start, end).startsWith(found.evidence.text)).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('blanking out code and tags keeps every offset', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 60 }), (parts) => {
        const text = parts.join('')
        for (const blanked of [withoutCode(text), proseOf(text)]) {
          expect(blanked.length).toBe(text.length)
          expect(blanked.split('').every((one, i) => one === ' ' || one === text[i])).toBe(true)
        }
      }),
    )
  })

  test.each(pieces.filter((piece) => piece !== paragraph))('a mebibyte of %j is looked at', (piece) => {
    const text = piece.repeat(Math.ceil(2 ** 20 / piece.length))
    expect(findingsOf(subject(text, { engine: 'none' }), rules).length).toBeLessThan(100)
  })
})
