// biome-ignore-all lint/suspicious/noTemplateCurlyInString: such texts are what is tested
import { describe, expect, it } from 'vitest'
import { parseTemplate, RenderFailed, RenderLimit, type Template, TemplateInvalid } from './index.ts'
import { realPrompts } from './testing/real-prompts.ts'

const render = (text: string, values: Record<string, unknown> = {}): string => parseTemplate('liquid', text).render(values)

describe('liquid', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['Hi {{ name | upcase }}!', { name: 'ada' }, 'Hi ADA!'],
    ['{{ x }}', { x: '<&> {{ y }} {% raw %}' }, '<&> {{ y }} {% raw %}'],
    ['{{ a }}|{{ o }}|{{ n }}|{{ absent }}', { a: [1, 'b'], o: { k: [1] }, n: null }, '1b|{"k":[1]}||'],
    [
      '{% for i in items %}{{ forloop.index }}:{{ i.n }}{% unless forloop.last %}, {% endunless %}{% endfor %}',
      { items: [{ n: 'a' }, { n: 'b' }] },
      '1:a, 2:b',
    ],
    ['{% if a contains "x" and b == 2 %}yes{% else %}no{% endif %}', { a: ['x'], b: 2 }, 'yes'],
    ['{% assign y = x | plus: 1 %}{% capture z %}[{{ y }}]{% endcapture %}{{ z }}{{ z | size }}', { x: 1 }, '[2]3'],
    [
      '{{ list.size }} {{ list.first }} {{ list | where: "k", 1 | map: "v" | join: "," }}',
      {
        list: [
          { k: 1, v: 'a' },
          { k: 2, v: 'b' },
        ],
      },
      '2 {"k":1,"v":"a"} a',
    ],
    ['{{ "2024-01-05T23:30:00Z" | date: "%Y-%m-%d %H:%M" }}', {}, '2024-01-05 23:30'],
    ['{% raw %}{{ x }}{% endraw %}{% comment %}{{ x }}{% endcomment %}', { x: 1 }, '{{ x }}'],
    ['{% increment x %}{% increment x %}{{ x }}', { x: 7 }, '012'],
    ['{size} ${x} {"a": {"b": 1}}', {}, '{size} ${x} {"a": {"b": 1}}'],
  ])('%s', (text, values, output) => expect(render(text, Object.freeze(values))).toBe(output))

  it.each([
    ['{{ x', /not closed/],
    ['{% if %}x{% endif %}', /./],
    ['{% if a %}x', /not closed/],
    ['{{ x | no_such_filter }}', /undefined filter/],
    ['{{ x | where_exp: "i", "i" }}', /undefined filter/],
    ['{{ x | sample }}', /undefined filter/],
    ['{% layout "a/b" %}', /not found/],
    ['{% render name %}', /fixed text/],
    ['{% include "a/{{ b }}" %}', /fixed text/],
    ['{% include none %}', /fixed text/],
    ['{% render "../../etc/passwd" %}', /no reference/],
    ['{% if a %}'.repeat(150) + '{% endif %}'.repeat(150), /nested deeper/],
    ['{% if a %}'.repeat(100_000), /nested too deeply/],
    [`{{ a${' | upcase'.repeat(2000)} }}`, /longer than/],
  ])('%.60s is invalid', (text, message) => {
    expect(() => parseTemplate('liquid', text)).toThrow(TemplateInvalid)
    expect(() => parseTemplate('liquid', text)).toThrow(message)
  })

  it('tells the line of an error', () => {
    expect(() => parseTemplate('liquid', 'one\ntwo\n{{ x | nope }}')).toThrow(expect.objectContaining({ line: 3, offset: 8 }))
    expect(() => render('one\n{{ x | base64_decode }}', { x: '!' })).toThrow(expect.objectContaining({ name: 'RenderFailed', line: 2 }))
  })

  it('reads neither the clock nor chance', () => {
    for (const text of ['{{ "now" | date: "%s" }}', '{{ "today" | date_to_string }}']) expect(() => render(text)).toThrow(RenderFailed)
  })
})

describe('uses of liquid', () => {
  const structured = (name: string) => ({ name, kind: 'structured' })
  const plain = (name: string) => ({ name, kind: 'plain' })
  it.each<[string, unknown[]]>([
    ['{{ a }} {{ b | upcase | append: c }}', [plain('a'), plain('b'), structured('c')]],
    ['{{ a.b }} {{ c[d] }} {{ e["f"] }}', [structured('a'), structured('c'), structured('d'), structured('e')]],
    [
      '{% for i in items limit: n %}{{ i.x }}{{ forloop.index }}{{ o }}{% endfor %}{{ i }}',
      [structured('items'), structured('n'), plain('o'), plain('i')],
    ],
    ['{% assign y = x %}{{ y }}{% capture z %}{{ w }}{% endcapture %}{{ z }}', [structured('x'), plain('w')]],
    ['{% if a and b == "x" %}{% elsif c %}{% endif %}{% case d %}{% when e %}{% endcase %}', 'abcde'.split('').map(structured)],
    ['{{ items | join: ", " }}{% for i in (1..n) %}{% endfor %}', [structured('items'), structured('n')]],
    ['{% render "a/b", x: y %}{% include "c/d" with z %}', [structured('y'), structured('z')]],
    ['{% liquid\nassign q = r\necho q\n%}{{ a }}{% if a %}{% endif %}', [structured('r'), structured('a')]],
  ])('%s', (text, uses) => {
    const found = parseTemplate('liquid', text).uses
    expect(found).toHaveLength(uses.length)
    expect(found).toEqual(expect.arrayContaining(uses))
  })

  it('tells what was used and what was missing', () => {
    const used = new Set<string>()
    const missing = new Set<string>()
    parseTemplate('liquid', '{% assign l = 1 %}{{ a }}{{ l }}{{ b }}{% for i in s %}{{ i }}{% endfor %}').render(
      { a: 1, s: [1], l: 2, u: 3 },
      { used, missing },
    )
    expect([...used].sort()).toEqual(['a', 's'])
    expect([...missing]).toEqual(['b'])
  })
})

describe('includes across engines', () => {
  const texts: Record<string, Template> = {
    'l/both': parseTemplate('liquid', '[{{ x }}{{ y }}{{ z }}]'),
    'm/both': parseTemplate('mustache', '({{x}}{{y}}{{z}})'),
    'n/both': parseTemplate('none', '{{x}}\n{{y}}'),
    'l/sets': parseTemplate('liquid', '{% assign z = "set" %}'),
    'm/into-liquid': parseTemplate('mustache', '{{#o}}{{> l/both}}{{/o}}'),
  }
  const include = ({ raw }: { raw: string }) => texts[raw]
  it.each<['liquid' | 'mustache', string, string]>([
    ['liquid', '{% include "l/both" %}{% render "l/both" %}{% render "l/both", y: x %}', '[XY][][X]'],
    ['liquid', '{% include "m/both" %}{% render "m/both" %}{% render "m/both", y: x %}', '(XY)()(X)'],
    ['liquid', '{% include "l/sets" %}{% include "m/both" %}{% include "n/both" %}', '(XYset){{x}}\n{{y}}'],
    ['liquid', '{% capture c %}{% include "m/both" %}{% endcapture %}-{{ c }}', '-(XY)'],
    ['liquid', '{% for x in o.list %}{% include "m/both" %}{% endfor %}', '(1Y)(2Y)'],
    ['liquid', '{% render "l/both" for o.list as x %}', '[1][2]'],
    ['mustache', '{{> l/both}}{{> m/into-liquid}}{{#o}}{{> l/both}}{{/o}}', '[XY][xY][xY]'],
    ['mustache', '  {{> n/both}}\n  {{> l/both}}\n', '  {{x}}\n  {{y}}  [XY]'],
  ])('%s: %s', (engine, text, output) => {
    const used = new Set<string>()
    expect(parseTemplate(engine, text).render({ x: 'X', y: 'Y', o: { x: 'x', list: [1, 2] } }, { include, used })).toBe(output)
    expect([...used].every((name) => ['x', 'y', 'o'].includes(name))).toBe(true)
  })

  it('reports references, fails without the prompt, and stops loops', () => {
    expect(parseTemplate('liquid', '{% if a %}{% render "a/b@2" %}{% endif %}{% include "a/b@2" %}').includes).toEqual([
      { raw: 'a/b@2', category: 'a', name: 'b', version: 2 },
    ])
    expect(() => render('{% render "a/b" %}')).toThrow(RenderFailed)
    const loop: Template = parseTemplate('liquid', `${'{% if a %}'.repeat(90)}x{% include "a/b" %}${'{% endif %}'.repeat(90)}`)
    expect(() => loop.render({ a: 1 }, { include: () => loop })).toThrow(RenderLimit)
  })
})

it('parses real prompts or says why not', () => {
  for (const text of realPrompts() ?? []) {
    try {
      const template = parseTemplate('liquid', text)
      if (!text.includes('{{') && !text.includes('{%')) expect(template.render({})).toBe(text)
    } catch (error) {
      expect(error).toBeInstanceOf(TemplateInvalid)
    }
  }
})
