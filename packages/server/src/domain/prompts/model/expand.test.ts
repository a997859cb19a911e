import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Composition, compileBody, type Part } from './composition.ts'
import { makeBody } from './content.ts'
import { expandContent } from './expand.ts'
import { renderComposition } from './render.ts'
import type { Content, Engine } from './shapes.ts'
import { formatReference, parseTemplate } from './templates/index.ts'

type Source = Content | { engine: Engine; content: Content }

const variables = ['x', 's', 't', 'n'].map((name) => ({ name, type: 'any' as const, required: false }))

/** A composition of texts; each may include those that come after it, as `{{> p/<number>}}`. */
function compose(sources: readonly Source[]): Composition {
  const parts = new Map(
    sources.map((source, i): [string, Part] => {
      const { engine, content } =
        typeof source === 'string' || Array.isArray(source)
          ? { engine: 'mustache' as const, content: source }
          : (source as Exclude<Source, Content>)
      const compiled = compileBody(makeBody({ engine, content, variables }).body)
      const references = compiled.templates.flatMap(({ includes }) => includes.map((ref) => [formatReference(ref), ref.name] as const))
      return [
        String(i),
        { entry: { promptId: String(i), category: 'p', name: String(i), version: 1, checksum: '' }, compiled, links: new Map(references) },
      ]
    }),
  )
  return { root: parts.get('0')!, parts }
}

const values = { x: '<\n{{y}}', s: [{ x: 1 }, { x: 2 }], t: true, n: 0 }
const text = (text: string) => ({ type: 'text', text })
const filled = (content: Content) => parseTemplate('mustache', content as string).render(values)

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: code samples as prompts hold them
describe('an expansion', () => {
  test.each<[string, string[], string]>([
    ['in a line', ['a {{> p/1}} c', 'b'], 'a b c'],
    ['alone on its line takes the line', ['a\n{{> p/1}}\nc', 'b\n'], 'a\nb\nc'],
    ['indented indents every line that is not empty', ['-\n  {{> p/1}}\n-', 'a\n\n{{x}}\nb\n'], '-\n  a\n\n  {{x}}\n  b\n-'],
    ['indentations add up', ['  {{> p/1}}\n', 'a\n  {{> p/2}}\n', 'b\nc\n'], '  a\n    b\n    c\n'],
    ['an inner include in a line is not indented', ['  {{> p/1}}\n', 'a {{> p/2}}\n', 'b\nc'], '  a b\nc\n'],
    ['in a section, with sections', ['{{#s}}[{{> p/1}}]{{/s}}', '{{#t}}{{x}}{{/t}}'], '{{#s}}[{{#t}}{{x}}{{/t}}]{{/s}}'],
    ['with \\r\\n', ['a\r\n{{> p/1}}\r\nb', 'x\r\n'], 'a\r\nx\r\nb'],
    ['with code samples', ['{{> p/1}}.', '${{ secrets.T }} {{ a | b }} {x}'], '${{ secrets.T }} {{ a | b }} {x}.'],
  ])('%s', (_name, texts, expected) => {
    const composition = compose(texts)
    expect(expandContent(composition)).toBe(expected)
    expect(filled(expected)).toBe(renderComposition(composition, values).content)
  })

  test('of a chat is of every text in it', () => {
    const content: Content = [
      { role: 'system', content: '{{> p/1}}!' },
      { placeholder: 'h' },
      { role: 'user', parts: [text('({{> p/1}})'), { type: 'image' }] },
    ]
    expect(expandContent(compose([content, 'b']))).toEqual([
      { role: 'system', content: 'b!' },
      { placeholder: 'h' },
      { role: 'user', parts: [{ type: 'text', text: '(b)' }, { type: 'image' }] },
    ])
  })

  test('of plain text without braces stands as it is', () => {
    expect(expandContent(compose(['a {{> p/1}}', { engine: 'none', content: 'b {c} ${d}' }]))).toBe('a b {c} ${d}')
  })

  test.each<[string, Source[]]>([
    ['without includes', ['a']],
    ['with liquid', ['{{> p/1}}', { engine: 'liquid', content: '{{ x }}' }]],
    ['from liquid', [{ engine: 'liquid', content: '{% include "p/1" %}' }, 'a']],
    ['with braces in plain text', ['{{> p/1}}', { engine: 'none', content: '{{x}}' }]],
    ['with other delimiters', ['{{=<% %>=}}<%> p/1%>', 'a']],
    ['with other delimiters inside', ['{{> p/1}}', '{{=<% %>=}}<%x%>']],
    ['where braces would grow together', ['{{> p/1}}{x}}', '{']],
    ['where a section would not stand alone any more', ['{{> p/1}}{{#t}}\nx{{/t}}', 'a']],
    ['where it would be larger than 1 MiB', ['{{> p/1}}'.repeat(2000), 'x'.repeat(1000)]],
    ['where it would take too many steps', ['{{> p/1}}'.repeat(200), '{{> p/2}}'.repeat(200), '']],
  ])('is left out %s', (_name, sources) => expect(expandContent(compose(sources))).toBeUndefined())
})

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above

const piece = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('a', ' ', '\n', '\n  ', '\t', '\r\n', '{', '}', '.', '{{x}}', '{{n}}', '{{! c }}', '{{^n}}', '{{/n}}'),
  },
  { weight: 2, arbitrary: fc.constantFrom('{{> p/1}}', '{{> p/2}}', '\n  {{> p/1}}\n', '\n{{> p/2}}\n') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('{{#s}}\n{{x}}\n{{/s}}\n', '{{#t}}b{{/t}}', '{{#s}}{{> p/2}}{{/s}}', '\n{{#t}}\n {{> p/2}}\n{{/t}}\n'),
  },
)
const texts = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
const parses = (content: string) => {
  try {
    parseTemplate('mustache', content)
    return true
  } catch {
    return false
  }
}

test('whatever is expanded fills as the composition renders', () => {
  let expanded = 0
  fc.assert(
    fc.property(texts, texts, texts, (top, middle, leaf) => {
      const sources = [top, middle.replaceAll('p/1', 'p/2'), leaf.replace(/\{\{>[^}]*\}\}/g, '')]
      fc.pre(sources.every(parses))
      const composition = compose(sources)
      const content = expandContent(composition)
      if (content === undefined) return
      expanded++
      expect(filled(content)).toBe(renderComposition(composition, values).content)
    }),
    { numRuns: 3000 },
  )
  expect(expanded).toBeGreaterThan(300)
})
