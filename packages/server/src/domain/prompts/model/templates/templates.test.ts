import fc from 'fast-check'
import Mustache from 'mustache'
import { describe, expect, it } from 'vitest'
import { detectEngine, type Engine, formatReference, parseReference, parseTemplate, RenderLimit, TemplateInvalid } from './index.ts'
import { realPrompts } from './testing/real-prompts.ts'

const engines: readonly Engine[] = ['mustache', 'liquid', 'none']
const anyText = fc.string({ unit: 'binary', maxLength: 200 })

describe('every engine', () => {
  it('renders a text without tags to itself', () => {
    const untagged = anyText.filter((text) => !text.includes('{{') && !text.includes('{%'))
    fc.assert(fc.property(untagged, fc.constantFrom(...engines), (text, engine) => parseTemplate(engine, text).render({ a: 1 }) === text))
  })

  it('writes a value as it is, whatever tags are in it', () => {
    const pieces = fc.constantFrom(
      '{{',
      '}}',
      '{%',
      '%}',
      '{{b}}',
      '{{{b}}}',
      '{{> a/b}}',
      '{% raw %}',
      '{{=<% %>=}}',
      '\n',
      '<',
      '&',
      '$&',
      '$1',
      'x',
    )
    const value = fc.oneof(
      anyText,
      fc.array(pieces).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(value, (a) => {
        for (const engine of ['mustache', 'liquid'] as const)
          expect(parseTemplate(engine, '<{{ a }}>').render({ a, b: 'B' })).toBe(`<${a}>`)
        expect(parseTemplate('mustache', '{{#l}}{{{.}}}{{/l}}').render({ l: [a, a], b: 'B' })).toBe(a + a)
      }),
    )
  })

  it('parses any text or throws TemplateInvalid', () => {
    const pieces = [
      '{{',
      '}}',
      '{%',
      '%}',
      'if',
      'for i in',
      'endif',
      'x',
      '|',
      '.',
      '"',
      '[',
      ' ',
      '\n',
      '#',
      '/',
      '^',
      '=',
      '>',
      '-',
      'render "a/b"',
    ]
    const text = fc
      .array(fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...pieces) }, fc.string({ maxLength: 3 })))
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, fc.constantFrom(...engines), (source, engine) => {
        try {
          parseTemplate(engine, source).render({ x: [1, { y: 2 }] }, { include: () => parseTemplate('none', 'included') })
        } catch (error) {
          expect(['TemplateInvalid', 'RenderLimit', 'RenderFailed']).toContain((error as Error).name)
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('never shows what values inherit', () => {
    const inherited = [
      ...Object.getOwnPropertyNames(Object.prototype),
      ...Object.getOwnPropertyNames(Function.prototype),
      'push',
      'at',
      'charAt',
      'liquidMethodMissing',
      'next',
    ]
    const names = fc.constantFrom(...inherited.filter((name) => name !== 'name'))
    const roots = fc.constantFrom('', 'o.', 'l.', 't.', 'n.', 'f.', 'o.o.', 'forloop.')
    const values = { o: { o: { a: 1 } }, l: ['a'], t: 'text', n: 5, f: () => 'called' }
    fc.assert(
      fc.property(roots, names, names, (root, name, next) => {
        if (name === 'length' || next === 'length') return // liquid may ask for the length of lists and texts
        for (const path of [`${root}${name}`, `${root}${name}.${next}`]) {
          expect(parseTemplate('mustache', `({{${path}}}{{#${path}}}x{{/${path}}})`).render(values)).toBe('()')
          expect(parseTemplate('liquid', `{% for i in l %}({{ ${path} }}{% if ${path} %}x{% endif %}){% endfor %}`).render(values)).toBe(
            '()',
          )
          expect(parseTemplate('liquid', `({{ ${root || 'o.'}a[key] }}{{ o[key] }})`).render({ ...values, key: name })).toBe('()')
        }
      }),
    )
  })

  it('takes a __proto__ that JSON brought for data, in liquid for nothing, and knows no length', () => {
    const values = JSON.parse('{"__proto__": {"polluted": "p"}, "o": {"__proto__": {"polluted": "p"}}, "l": [1], "t": "x"}') as Record<
      string,
      unknown
    >
    const text = '({{__proto__.polluted}}{{polluted}}{{o.__proto__.polluted}}{{o.polluted}})'
    expect(parseTemplate('mustache', `${text}{{l.length}}{{t.length}}`).render(values)).toBe('(pp)')
    expect(parseTemplate('liquid', text).render(values)).toBe('()')
    expect(parseTemplate('liquid', '{{ size }}{{ first }}{{ last }}').render(values)).toBe('')
    expect(({} as { polluted?: string }).polluted).toBeUndefined()
  })

  it('ends whatever loops it is given', () => {
    const bombs = fc.array(fc.tuple(fc.nat(2000), fc.constantFrom('{{ a }}', '{% assign a = a | append: a %}', '{% cycle 1, 2 %}')), {
      minLength: 1,
      maxLength: 6,
    })
    fc.assert(
      fc.property(bombs, (levels) => {
        const text = levels.reduceRight((inside, [times, tag]) => `{% for i in (0..${times}) %}${tag}${inside}{% endfor %}`, '')
        const start = performance.now()
        try {
          parseTemplate('liquid', text).render({ a: 'ab' }, { limits: { liquidMs: 20 } })
        } catch (error) {
          expect(error).toBeInstanceOf(RenderLimit)
        }
        expect(performance.now() - start).toBeLessThan(20_000)
      }),
      { numRuns: 50 },
    )
  })
})

type Spans = ReturnType<typeof Mustache.parse>
const namesOf = (spans: Spans): string[] =>
  spans.flatMap(([kind, name, , , inside]) => [
    ...(kind === 'text' || kind === '!' || kind === '=' ? [] : [name]),
    ...(Array.isArray(inside) ? namesOf(inside as Spans) : []),
  ])

describe('mustache and mustache.js', () => {
  it('agree on every text of plain tags, to the last line break', () => {
    const pieces = [
      '{{a}}',
      '{{{a}}}',
      '{{&a}}',
      '{{b}}',
      '{{#a}}',
      '{{/a}}',
      '{{^b}}',
      '{{/b}}',
      '{{#l}}',
      '{{/l}}',
      '{{! c }}',
      '{{!\n}}',
      '{{=<% %>=}}',
      '<%={{ }}=%>',
      '<%a%>',
      ' ',
      '\t',
      '\n',
      '\r\n',
      'text',
      '{',
      '}',
      '\u00a0',
    ]
    const values = { a: 'A', b: false, l: ['x', 'y'] }
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 20 }).map((parts) => parts.join(''))
    const theirs = (source: string): string | undefined => {
      try {
        Mustache.clearCache()
        return Mustache.render(source, values, {}, { escape: String })
      } catch {
        return undefined
      }
    }
    fc.assert(
      fc.property(text, (source) => {
        const expected = theirs(source)
        if (expected !== undefined && !namesOf(Mustache.parse(source)).every((name) => /^[abl]$/.test(name))) return // a code sample
        if (expected === undefined) expect(() => parseTemplate('mustache', source)).toThrow(TemplateInvalid)
        else expect(parseTemplate('mustache', source).render(values)).toBe(expected)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('references', () => {
  it('are read back as they were written', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    const pin = fc.oneof(fc.constant({}), fc.record({ label: part }), fc.record({ version: fc.integer({ min: 1, max: 999_999_999 }) }))
    fc.assert(
      fc.property(part, part, pin, (category, name, pinned) => {
        const raw = formatReference({ category, name, ...pinned })
        expect(parseReference(raw)).toEqual({ raw, category, name, ...pinned })
        expect(parseTemplate('mustache', `{{> ${raw} }}`).includes).toEqual([{ raw, category, name, ...pinned }])
        expect(parseTemplate('liquid', `{% render '${raw}' %}`).includes).toEqual([{ raw, category, name, ...pinned }])
      }),
    )
  })

  it.each(['', 'a', '/', 'a/', '/b', 'a/b/c', 'a/b@', 'a@b/c', 'a/b@c@d', 'a/b@0', 'a/b@1234567890', 'a/%', 'a/%ff', '@'])(
    '"%s" is none',
    (raw) => {
      expect(() => parseReference(raw)).toThrow(TemplateInvalid)
    },
  )

  it('take slashes, at signs and digits as encoded', () => {
    expect(parseReference('a%2Fb/c%40d@%33')).toEqual({ raw: 'a%2Fb/c%40d@%33', category: 'a/b', name: 'c@d', label: '3' })
  })
})

describe('detectEngine', () => {
  it.each([
    ['Hello {{name}}', 'mustache', /valid mustache/],
    ['plain', 'mustache', /valid mustache/],
    ['{{#each items}}x{{/each}}', 'none', /line 1/],
    ['{% if x %}{{ x | upcase }}{% endif %}', 'mustache', /valid/],
  ])('%s is %s', (text, engine, reason) => expect(detectEngine(text)).toEqual({ engine, reason: expect.stringMatching(reason) }))

  it('finds 20 real prompts that are no mustache', () => {
    const prompts = realPrompts()
    if (prompts !== undefined) expect(prompts.filter((text) => detectEngine(text).engine === 'none')).toHaveLength(20)
  })
})
