// biome-ignore-all lint/suspicious/noTemplateCurlyInString: such texts are what is tested
import Mustache from 'mustache'
import { describe, expect, it } from 'vitest'
import { parseTemplate, RenderFailed, RenderLimit, type Template, TemplateInvalid } from './index.ts'
import { realPrompts } from './testing/real-prompts.ts'

const render = (text: string, values: Record<string, unknown> = {}): string => parseTemplate('mustache', text).render(values)
const library =
  (texts: Record<string, string>) =>
  ({ raw }: { raw: string }): Template | undefined =>
    texts[raw] === undefined ? undefined : parseTemplate('mustache', texts[raw])

type Case = [name: string, text: string, values: Record<string, unknown>, output: string]
const check = (cases: readonly Case[]): void => {
  it.each(cases)('%s', (_name, text, values, output) => expect(render(text, values)).toBe(output))
}

// In the manner of the mustache spec. Where this engine differs on purpose it says so:
// no HTML escaping, no lambdas, own properties only, tags that name no variable stay text, objects are written as JSON.
describe('interpolation', () => {
  check([
    ['a text without tags is itself', 'Hello from {Mustache}!\n', {}, 'Hello from {Mustache}!\n'],
    ['a name is replaced', 'Hello, {{subject}}!', { subject: 'world' }, 'Hello, world!'],
    ['differs from the spec: nothing is escaped', '{{x}}', { x: '& " < > \' / ` =' }, '& " < > \' / ` ='],
    ['triple braces are the same', '{{{x}}}', { x: '<&>' }, '<&>'],
    ['an ampersand is the same', '{{&x}}', { x: '<&>' }, '<&>'],
    ['a number', '{{n}} miles', { n: 85 }, '85 miles'],
    ['a decimal', '{{n}}', { n: 1.21 }, '1.21'],
    ['zero and false are written', '{{n}} {{f}}', { n: 0, f: false }, '0 false'],
    ['null is nothing', '({{x}})', { x: null }, '()'],
    ['an absent name is nothing', '({{x}})', {}, '()'],
    ['an object is JSON', '{{x}}', { x: { a: [1, 'b', null] } }, '{"a":[1,"b",null]}'],
    ['a list is JSON', '{{x}}', { x: [1, '<'] }, '[1,"<"]'],
    ['differs from the spec: a function is no data', '({{x}})', { x: () => 'called' }, '()'],
    ['dots reach inside', '{{a.b.c}}', { a: { b: { c: 'deep' } } }, 'deep'],
    ['dots reach into lists', '{{a.1}}', { a: ['x', 'y'] }, 'y'],
    ['a broken chain is nothing', '({{a.b.c}})', { a: {} }, '()'],
    ['a chain does not fall back to its last name', '({{a.name}})', { a: {}, name: 'wrong' }, '()'],
    ['the first name of a chain decides the context', '{{#a}}({{b.c}}){{/a}}', { a: { b: {} }, b: { c: 'wrong' } }, '()'],
    ['white space around a tag is kept', '| {{x}} |', { x: '---' }, '| --- |'],
    ['white space inside a tag is not', '|{{ x }}|{{{ x }}}|{{& x }}|{{\tx\n}}|', { x: '-' }, '|-|-|-|-|'],
    ['a name alone on its line keeps the line', '  {{x}}\n', { x: '---' }, '  ---\n'],
    [
      'names of any script, with digits, _ and -',
      '{{größe}} {{商品名称}} {{CGI-1.output}} {{_x1}}',
      { größe: 1, 商品名称: 2, 'CGI-1': { output: 3 }, _x1: 4 },
      '1 2 3 4',
    ],
    ['the item is the whole value outside sections', '{{.}}', { a: 1 }, '{"a":1}'],
    ['an amount after a dollar sign', 'Price: ${{price}}', { price: 5 }, 'Price: $5'],
  ])
})

describe('code samples', () => {
  it.each([
    '{{ x | join(", ") }}',
    '{{ answer["a"] }}',
    '{{answer_choices[0]}}',
    '{{"text"}}',
    '{{1}}',
    '{{}}',
    '{{ .Values.name }}',
    "{{ width: '100vw' }}",
    '{{code here}}',
    '{{{ a b }}}',
    '{{#if x}}yes{{/if x}}',
    'env: ${{ secrets.TOKEN }} ${{ github.ref }}',
    '{x} ${x} {"a": {"b": 1}}',
  ])('%s stays as it is and names no variable', (text) => {
    const template = parseTemplate('mustache', text)
    expect(template.render({ x: 1, if: 1, secrets: { TOKEN: 's' } })).toBe(text)
    expect(template.uses).toEqual([])
  })

  it('a section that stays text still has its inside filled in, and keeps its lines', () => {
    expect(render('{{#a b}}\n{{x}}\n{{/a b}}\n', { x: 1 })).toBe('{{#a b}}\n1\n{{/a b}}\n')
  })
})

describe('sections', () => {
  check([
    ['a true value shows', '{{#b}}yes{{/b}}', { b: true }, 'yes'],
    ['a false value does not', '{{#b}}yes{{/b}}', { b: false }, ''],
    [
      'null, empty text, zero, empty list and absence do not',
      '{{#n}}1{{/n}}{{#e}}2{{/e}}{{#z}}3{{/z}}{{#l}}4{{/l}}{{#x}}5{{/x}}',
      { n: null, e: '', z: 0, l: [] },
      '',
    ],
    ['an object is the context', '{{#c}}Hi {{name}}.{{/c}}', { c: { name: 'Joe' } }, 'Hi Joe.'],
    ['outer names are seen inside', '{{#c}}{{a}}{{b}}{{/c}}', { a: 'A', b: 'B', c: { b: 'b' } }, 'Ab'],
    ['a list repeats', '{{#l}}{{n}}{{/l}}', { l: [{ n: 1 }, { n: 2 }] }, '12'],
    ['items of a list', '"{{#l}}({{.}}){{/l}}"', { l: ['a', 1, 2.5, true, null, { x: 1 }] }, '"(a)(1)(2.5)(true)()({"x":1})"'],
    ['lists in lists', '{{#l}}({{#.}}{{.}}{{/.}}){{/l}}', { l: [[1, 2], ['a']] }, '(12)(a)'],
    ['a text is the item', '{{#s}}{{.}}!{{/s}}', { s: 'x' }, 'x!'],
    ['sections of one name, twice', '{{#b}}1{{/b}} {{t}} {{#b}}2{{/b}}', { b: true, t: '-' }, '1 - 2'],
    ['a section in itself', '|{{#b}}A{{#b}}B{{/b}}C{{/b}}|', { b: true }, '|ABC|'],
    ['dotted', '{{#a.b}}yes{{/a.b}}', { a: { b: 1 } }, 'yes'],
    ['differs from the spec: a function hides its section', '{{#f}}x{{/f}}', { f: () => 'y' }, ''],
    ['padding is ignored', '|{{# b }}={{/ b }}|', { b: true }, '|=|'],
    ['lines that stand alone go', '| This Is\n{{#b}}\n|\n{{/b}}\n| A Line', { b: true }, '| This Is\n|\n| A Line'],
    ['also indented', '| This Is\n  {{#b}}\n|\n  {{/b}}\n| A Line', { b: true }, '| This Is\n|\n| A Line'],
    ['also with \\r\\n', '|\r\n{{#b}}\r\n{{/b}}\r\n|', { b: true }, '|\r\n|'],
    ['also without a line before', '  {{#b}}\n#{{/b}}\n/', { b: true }, '#\n/'],
    ['also without a line after', '#{{#b}}\n/\n  {{/b}}', { b: true }, '#\n/\n'],
    ['inline white space is kept', ' | {{#b}} {{! x }}\n {{/b}} | \n', { b: true }, ' |  \n  | \n'],
  ])
})

describe('inverted sections', () => {
  check([
    ['a false value shows', '{{^b}}no{{/b}}', { b: false }, 'no'],
    ['a true value does not', '{{^b}}no{{/b}}', { b: true }, ''],
    ['an object does not', '{{^c}}no{{/c}}', { c: {} }, ''],
    ['an empty list shows', '{{^l}}none{{/l}}', { l: [] }, 'none'],
    ['absence shows', '{{^x}}none of {{y}}{{/x}}', { y: 'it' }, 'none of it'],
    ['a broken chain shows', '{{^a.b.c}}none{{/a.b.c}}', { a: {} }, 'none'],
    ['lines that stand alone go', 'a\n{{^b}}\nb\n{{/b}}\nc', {}, 'a\nb\nc'],
  ])
})

describe('comments and delimiters', () => {
  check([
    ['a comment writes nothing', '12345{{! Comment {{x} }}67890', {}, '1234567890'],
    ['a comment of many lines', 'Begin.\n{{!\nSomething {x}\n}}\nEnd.\n', {}, 'Begin.\nEnd.\n'],
    ['a comment alone on its line takes the line', 'Begin.\n  {{! x }}\nEnd.\n', {}, 'Begin.\nEnd.\n'],
    ['a comment in a line does not', '  12 {{! 34 }}\n', {}, '  12 \n'],
    ['delimiters change', '{{=<% %>=}}(<%x%>{{x}})', { x: 'Hey!' }, '(Hey!{{x}})'],
    ['and change back', '{{= | | =}}|x||={{ }}=|{{x}}', { x: 1 }, '11'],
    ['special characters', '({{=[ ]=}}[x])', { x: 'It worked!' }, '(It worked!)'],
    ['hold from there to the end, through sections', '{{=| |=}}\n|#s|\n|x|{{x}}\n|/s|\n', { s: true, x: 1 }, '1{{x}}\n'],
    ['a line with delimiters alone goes', 'a\n  {{=@ @=}}\nb', {}, 'a\nb'],
  ])
})

describe('includes', () => {
  it.each<[string, string, Record<string, string>, string]>([
    ['in the same context', '{{> a/b}}-{{#c}}{{> a/b}}{{/c}}', { 'a/b': '{{x}}' }, 'X-x'],
    ['by label and by version', '{{>a/b@production}}{{> a/b@3 }}', { 'a/b@production': 'P', 'a/b@3': '3' }, 'P3'],
    ['inline, as it is', '|\t{{> a/b}}  |\n', { 'a/b': '>\n>' }, '|\t>\n>  |\n'],
    [
      'alone on its line: the line goes, the source is indented',
      '\\\n {{>a/b}}\n/\n',
      { 'a/b': '|\n{{m}}\n|\n' },
      '\\\n |\n <\n->\n |\n/\n',
    ],
    ['indentation adds up', ' {{>a/b}}\n', { 'a/b': 'x\n {{>a/c}}\n', 'a/c': 'y\n' }, ' x\n  y\n'],
    ['empty lines are not indented', '  {{>a/b}}', { 'a/b': 'x\n\ny' }, '  x\n\n  y'],
    ['an include has delimiters of its own', '{{=| |=}}|>a/b|', { 'a/b': '{{x}}|x|' }, 'X|x|'],
    ['recursion ends with the data', '{{>a/b}}', { 'a/b': '{{v}}{{#next}}<{{>a/b}}>{{/next}}' }, '1<2>'],
  ])('%s', (_name, text, texts, output) => {
    const values = { x: 'X', c: { x: 'x' }, m: '<\n->', v: 1, next: { v: 2, next: false } }
    expect(parseTemplate('mustache', text).render(values, { include: library(texts) })).toBe(output)
  })

  it('are reported once each, and refused when they are no references', () => {
    expect(parseTemplate('mustache', '{{>a/b}} {{> a/b }} {{#x}}{{>c/d@beta}}{{/x}}').includes).toEqual([
      { raw: 'a/b', category: 'a', name: 'b' },
      { raw: 'c/d@beta', category: 'c', name: 'd', label: 'beta' },
    ])
    expect(() => parseTemplate('mustache', 'one\n{{> header}}')).toThrow(TemplateInvalid)
  })

  it('that are not found fail, and loops end', () => {
    expect(() => render('{{>a/b}}')).toThrow(RenderFailed)
    const loop: Template = parseTemplate('mustache', 'x {{>a/b}}\n  {{>a/b}}\n')
    expect(() => loop.render({}, { include: () => loop })).toThrow(RenderLimit)
  })
})

describe('uses', () => {
  it.each<[string, unknown[]]>([
    [
      '{{b}} {{a}} {{b}}',
      [
        { name: 'b', kind: 'plain' },
        { name: 'a', kind: 'plain' },
      ],
    ],
    ['{{a.b}} {{.}}', [{ name: 'a', kind: 'structured' }]],
    [
      '{{^a}}{{b}}{{/a}}',
      [
        { name: 'a', kind: 'structured' },
        { name: 'b', kind: 'plain' },
      ],
    ],
    [
      '{{#a}}{{b}}{{c}}{{/a}}{{c}}',
      [
        { name: 'a', kind: 'structured' },
        { name: 'b', kind: 'plain', inner: true },
        { name: 'c', kind: 'plain' },
      ],
    ],
    [
      '{{#a}}{{#b}}{{c.d}}{{/b}}{{/a}}',
      [
        { name: 'a', kind: 'structured' },
        { name: 'b', kind: 'structured', inner: true },
        { name: 'c', kind: 'structured', inner: true },
      ],
    ],
  ])('of %s', (text, uses) => expect(parseTemplate('mustache', text).uses).toEqual(uses))

  it('tells what was used and what was missing', () => {
    const used = new Set<string>()
    const missing = new Set<string>()
    const template = parseTemplate('mustache', '{{a}}{{b}}{{c.d}}{{#s}}{{x}}{{a}}{{/s}}{{#off}}{{never}}{{/off}}')
    template.render({ a: 1, c: {}, s: [{ x: 1 }], x: 'shadowed', unused: 1 }, { used, missing })
    expect([...used].sort()).toEqual(['a', 'c', 's'])
    expect([...missing].sort()).toEqual(['b', 'c.d'])
  })
})

describe('invalid texts', () => {
  it.each<[string, string, number]>([
    ['an unclosed tag', 'one\ntwo {{x', 2],
    ['an unclosed section', '\n\n{{#a}} x', 3],
    ['a section that is closed by another name', '{{#a}}{{#b}}{{/a}}{{/b}}', 1],
    ['an end without a beginning', 'x {{/a}}', 1],
    ['half of a pair of delimiters', '{{=<%=}}', 1],
    ['sections nested too deeply', '{{#a}}'.repeat(100_000) + '{{/a}}'.repeat(100_000), 1],
  ])('%s', (_name, text, line) => {
    expect(() => parseTemplate('mustache', text)).toThrow(expect.objectContaining({ name: 'TemplateInvalid', line }))
  })

  it('are those that mustache.js cannot parse, in all real prompts', () => {
    const prompts = realPrompts()
    if (prompts === undefined) return
    const refused = (parse: (text: string) => unknown) =>
      prompts.filter((text) => {
        try {
          parse(text)
          return false
        } catch (error) {
          expect(error === undefined || parse === Mustache.parse || error instanceof TemplateInvalid).toBe(true)
          return true
        }
      })
    const ours = refused((text) => parseTemplate('mustache', text))
    expect(ours).toEqual(refused(Mustache.parse))
    Mustache.clearCache()
    expect([prompts.length, ours.length]).toEqual([3992, 20])
    for (const text of prompts) if (!text.includes('{{')) expect(render(text)).toBe(text)
  })
})
