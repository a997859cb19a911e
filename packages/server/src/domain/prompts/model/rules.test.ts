import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assertReadOnlyUnchanged, changeBody } from './change.ts'
import { bodyChecksum, sameJson } from './checksum.ts'
import { makeBody, plainText } from './content.ts'
import { firstLabels, standsOn } from './labels.ts'
import { deriveName, nthName } from './names.ts'
import type { Content, Prompt, Variable, VariableInput } from './shapes.ts'
import { countTokens } from './tokens.ts'
import { coerceTexts, completeVariables, fillVariables } from './variables.ts'

describe('a derived name', () => {
  test.each<[string, Content, string]>([
    ['the first line', 'Be brief.\nBe kind.', 'Be brief.'],
    ['without markup', '\n\n## **You are** `helpful`', 'You are helpful'],
    ['without tags', '{{#a}}{{/a}}Hello {{name}}, hi {% if x %}there{% endif %}', 'Hello , hi there'],
    ['of words, no longer than 60', 'word '.repeat(50), 'word word word word word word word word word word word word'],
    ['of one long word, cut', 'x'.repeat(100), 'x'.repeat(60)],
    ['without half an emoji', `${'x'.repeat(59)}🙂`, 'x'.repeat(59)],
    ['without control characters', 'a\u0000b\u0085c\td', 'a b c d'],
    ['of a chat', [{ role: 'system', content: 'Help me' }], 'system: Help me'],
    ['when there are no words', ' \n{{x}}\n---', 'untitled'],
  ])('%s', (_name, content, expected) => expect(deriveName(content)).toBe(expected))

  test('can be a name, whatever the content is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }), (content) => {
        const name = deriveName(content.toWellFormed())
        expect(name.length).toBeGreaterThan(0)
        expect(nthName(name, 20).length).toBeLessThanOrEqual(200)
        expect(name.isWellFormed() && !/\p{Cc}/u.test(name)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})

describe('labels', () => {
  test.each([
    [undefined, ['production']],
    [[], []],
    [
      ['a', 'a', 'b'],
      ['a', 'b'],
    ],
    [{ a: 1 }, ['a']],
  ])('of a first version: %o', (labels, expected) => expect(firstLabels(labels)).toEqual(expected))

  test('are looked up as data', () => {
    expect([standsOn({}, 'constructor'), standsOn({ constructor: 2 } as never, 'constructor')]).toEqual([null, 2])
  })
})

describe('variables', () => {
  const string = (name: string, required = true): Variable => ({ name, type: 'string', required })
  test.each<[string, VariableInput[], Content, Variable[]]>([
    ['a plain use is a required string', [], '{{a}}', [string('a')]],
    ['a declared one is a required string unless it says otherwise', [{ name: 'a' }], 'x', [string('a')]],
    ['one with a default need not be given', [{ name: 'a', default: 'd' }], 'x', [{ ...string('a', false), default: 'd' }]],
    ['it may be needed all the same', [{ name: 'a', default: 'd', required: true }], 'x', [{ ...string('a'), default: 'd' }]],
    [
      'the strongest use counts',
      [],
      '{{a}} {{#b}}{{a.b}}{{/b}}',
      [
        { name: 'a', type: 'any', required: true },
        { name: 'b', type: 'any', required: true },
      ],
    ],
    [
      'inside a section it may belong to the item',
      [],
      '{{#l}}{{a}}{{/l}}',
      [
        { name: 'l', type: 'any', required: true },
        { name: 'a', type: 'any', required: false },
      ],
    ],
    ['a placeholder is a list that may be missing', [], [{ placeholder: 'h' }], [{ name: 'h', type: 'array', required: false }]],
  ])('%s', (_name, declared, content, expected) => expect(makeBody({ content, variables: declared }).body.variables).toEqual(expected))

  const variable = (fields: Partial<Variable>): Variable => ({ name: 'v', type: 'any', required: false, ...fields })
  const problem = (fields: Partial<Variable>, value: unknown): unknown => {
    try {
      return fillVariables([variable(fields)], { v: value }).values.v
    } catch (error) {
      return (error as { extras: { errors: { code: string }[] } }).extras.errors[0]!.code
    }
  }
  test.each<[Partial<Variable>, unknown, unknown]>([
    [{ type: 'string' }, '', ''],
    [{ type: 'string' }, 1, 'variable.wrong'],
    [{ type: 'integer' }, 2 ** 53, 'variable.wrong'],
    [{ type: 'integer' }, -3, -3],
    [{ type: 'number' }, 0.5, 0.5],
    [{ type: 'number' }, '0.5', 'variable.wrong'],
    [{ type: 'boolean' }, false, false],
    [{ type: 'array' }, {}, 'variable.wrong'],
    [{ type: 'object' }, [], 'variable.wrong'],
    [{ type: 'object' }, {}, {}],
    [{ required: true }, undefined, 'variable.missing'],
    [{ required: true }, null, 'variable.missing'],
    [{ default: 'd' }, null, 'd'],
    [{ enum: ['a', { b: 1 }] }, { b: 1 }, { b: 1 }],
    [{ enum: ['a'] }, 'b', 'variable.wrong'],
    [{ schema: { type: 'integer', minimum: 3 } }, 3, 3],
    [{ schema: { type: 'integer', minimum: 3 } }, 2, 'variable.wrong'],
  ])('declared as %o, given %o', (fields, value, expected) => expect(problem(fields, value)).toEqual(expected))

  test('named like the prototype hold what is given, and nothing else', () => {
    const names = ['__proto__', 'constructor', 'toString']
    const declared = names.map((name) => variable({ name }))
    expect(Object.keys(fillVariables(declared, {}).values)).toEqual([])
    const given = JSON.parse('{"__proto__":1,"constructor":2,"toString":3}')
    expect(Object.entries(fillVariables(declared, given).values)).toEqual(Object.entries(given))
    expect(Object.entries(coerceTexts(declared, JSON.parse('{"__proto__":"1"}')))).toEqual([['__proto__', '1']])
  })

  test.each<[Variable['type'], string, unknown]>([
    ['string', '1', '1'],
    ['integer', '-12', -12],
    ['integer', '012', '012'],
    ['integer', '', ''],
    ['number', '1e3', 1000],
    ['number', 'Infinity', 'Infinity'],
    ['boolean', 'true', true],
    ['boolean', 'TRUE', 'TRUE'],
    ['array', '[1]', [1]],
    ['array', '[1', '[1'],
    ['object', '{"a":1}', { a: 1 }],
    ['any', '[1]', [1]],
    ['any', '1', '1'],
    ['any', '{x}', '{x}'],
  ])('as text, of type %s: %s', (type, text, expected) => expect(coerceTexts([variable({ type })], { v: text })).toEqual({ v: expected }))

  test('of a section that is used twice are told once', () => {
    expect(
      completeVariables([], {
        uses: [
          { name: 'a', kind: 'plain', inner: true },
          { name: 'a', kind: 'plain' },
        ],
        placeholders: ['a'],
      }),
    ).toHaveLength(1)
  })
})

describe('a changed body', () => {
  const body = makeBody({ content: '{{a}} {{b}}', variables: [{ name: 'b', description: 'told' }], config: { x: 1 } }).body
  const names = (change: Parameters<typeof changeBody>[1]) => changeBody(body, change).body.variables.map(({ name }) => name)
  test.each<[string, Parameters<typeof changeBody>[1], string[]]>([
    ['nothing', {}, ['b', 'a']],
    ['the same content', { content: '{{a}} {{b}}' }, ['b', 'a']],
    ['another content', { content: '{{c}}' }, ['b', 'c']],
    ['another content with the variables as they were', { content: '{{c}}', variables: body.variables }, ['b', 'c']],
    ['variables anew', { variables: null }, ['a', 'b']],
    ['other variables', { variables: [{ name: 'z' }] }, ['z', 'a', 'b']],
  ])('by %s', (_name, change, expected) => expect(names(change)).toEqual(expected))

  test('keeps its checksum when nothing in it changes, in whatever order its keys come', () => {
    const again = makeBody({ config: { x: 1 }, variables: [{ description: 'told', name: 'b' }], content: '{{a}} {{b}}' }).body
    expect(bodyChecksum(again)).toBe(bodyChecksum(body))
    expect(sameJson({ a: { b: 1, c: [1, 2] } }, { a: { c: [1, 2], b: 1 } })).toBe(true)
    expect(sameJson({ a: [1, 2] }, { a: [2, 1] })).toBe(false)
  })
})

test('what is read-only may come back old, but not otherwise', () => {
  const prompt = { id: 'i', revision: 5, version: 3, labels: { production: 1 }, createdBy: 'me' } as unknown as Prompt
  const accepts = (sent: Record<string, unknown>) => expect(() => assertReadOnlyUnchanged(prompt, sent)).not.toThrow()
  const refuses = (sent: Record<string, unknown>) => expect(() => assertReadOnlyUnchanged(prompt, sent)).toThrow('field.read_only')
  accepts({})
  accepts({ ...prompt })
  accepts({ revision: 4, version: 2, labels: {} })
  refuses({ revision: 6 })
  refuses({ revision: 5, version: 2 })
  refuses({ labels: {} })
  refuses({ revision: 4, createdBy: 'you' })
  refuses({ revision: 0, labels: {} })
})

test('the text of a chat names roles, parts and placeholders', () => {
  const parts = [
    { type: 'text', text: 'look' },
    { type: 'image', url: 'u' },
  ]
  expect(plainText([{ role: 'user', parts }, { placeholder: 'h' }])).toBe('user: look\n{"type":"image","url":"u"}\n[h]')
})

test.each([
  ['', 0],
  ['Hello world', 2],
  ['<|endoftext|>', 7],
])('%s has %i tokens', (text, tokens) => expect(countTokens(text)).toBe(tokens))

test('tokens of long runs are counted piece by piece', () => {
  expect(countTokens('a'.repeat(1_000_000))).toBeGreaterThan(100_000)
  const words = 'some words and more '.repeat(1000)
  expect(Math.abs(countTokens(words) - 4000)).toBeLessThan(20)
})
