import { describe, expect, it } from 'vitest'
import { type Engine, parseTemplate, RenderLimit, type Template } from './index.ts'

const list = Array.from({ length: 1000 }, (_, index) => index)
const long = 'ab'.repeat(512 * 1024)
let deep: unknown = 1
for (let level = 0; level < 100_000; level++) deep = { deep }
const loop: Record<string, unknown> = {}
loop.loop = loop

/** Generous, as test machines are busy: a bomb that goes off takes minutes. */
const soon = 20_000
const measured = <T>(work: () => T): { ms: number; error: unknown } => {
  const start = performance.now()
  let error: unknown
  try {
    work()
  } catch (caught) {
    error = caught
  }
  return { ms: performance.now() - start, error }
}

describe('bombs end in RenderLimit', () => {
  const bomb = (engine: Engine, text: string, values: Record<string, unknown> = {}): [Engine, string, Record<string, unknown>] => [
    engine,
    text,
    values,
  ]
  const grow = (step: string) => `{% assign a = "1,2" | split: "," %}{% for i in (1..60) %}${step}{% endfor %}{{ a }}`
  it.each([
    bomb('mustache', '{{#l}}{{#l}}{{#l}}{{/l}}{{/l}}{{/l}}', { l: list }),
    bomb('mustache', '{{#l}}{{#l}}{{x}}{{/l}}{{/l}}', { l: list, x: long }),
    bomb('mustache', `${'{{#a}}'.repeat(90)}{{#l}}{{#l}}{{zz.y}}{{/l}}{{/l}}${'{{/a}}'.repeat(90)}`, { a: 1, l: list }),
    bomb('mustache', '{{deep}}', { deep }),
    bomb('mustache', '{{loop}}', loop),
    bomb('liquid', '{% for i in (1..1000) %}{% for j in (1..1000) %}{% for k in (1..1000) %}{% endfor %}{% endfor %}{% endfor %}'),
    bomb('liquid', '{% for i in (1..1000) %}{{ x }}{% endfor %}', { x: long }),
    bomb('liquid', '{% for i in (1..1000000000) %}{% endfor %}'),
    bomb('liquid', '{% tablerow i in (1..1000000) cols: 2 %}{{ i }}{% endtablerow %}'),
    bomb('liquid', '{% assign a = "x" %}{% for i in (1..60) %}{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}'),
    bomb('liquid', grow('{% assign a = a | concat: a %}')),
    bomb('liquid', grow('{% assign a = a | push: a %}')),
    bomb('liquid', grow('{% assign a = a | concat: a | group_by: "x" | map: "items" %}')),
    bomb('liquid', `{{ x${' | upcase'.repeat(800)} }}`, { x: long }),
    bomb('liquid', '{{ x | split: "" | sort | size }}', { x: long }),
    bomb('liquid', '{{ x | split: "" | where: "a", 1 | size }}', { x: long }),
    bomb('liquid', '{{ x | replace: "a", x | size }}', { x: long }),
    bomb('liquid', '{{ x | split: y | size }}', { x: long, y: `${long.slice(0, 200_000)}c${long.slice(0, 200_000)}` }),
    bomb('liquid', '{% if x contains y %}{% endif %}', { x: long, y: `${long.slice(0, 200_000)}c${long.slice(0, 200_000)}` }),
    bomb('liquid', `{% if ${'x == y or '.repeat(600)}false %}{% endif %}`, {
      x: Array(100_000).fill('a'),
      y: [...Array(99_999).fill('a'), 'b'],
    }),
    bomb('liquid', '{{ 0 | date: "%99999999d" }}'),
    bomb('liquid', '{{ deep }}', { deep }),
    bomb('liquid', '{{ loop }}', loop),
  ])('%s %.70s', (engine, text, values) => {
    const template = parseTemplate(engine, text)
    const { ms, error } = measured(() => template.render(values))
    expect(error).toBeInstanceOf(RenderLimit)
    expect(ms).toBeLessThan(soon)
  })

  it('also in includes that multiply, and in their indentation', () => {
    const wide: Template = parseTemplate('mustache', `a\n${'  {{> a/b}}\n'.repeat(50)}`)
    expect(measured(() => wide.render({}, { include: () => wide })).error).toBeInstanceOf(RenderLimit)
    const lines = parseTemplate('none', 'a\n'.repeat(100_000))
    const prefix = parseTemplate('mustache', `${' '.repeat(1_000_000)}{{> a/b}}\n`)
    expect(measured(() => prefix.render({}, { include: () => lines })).error).toBeInstanceOf(RenderLimit)
  })

  it('also a loop of nothing but text, by its time', () => {
    const template = parseTemplate('liquid', '{% for i in (1..200000) %}x{% endfor %}')
    expect(() => template.render({}, { limits: { liquidMs: 1 } })).toThrow(/longer than 1 ms/)
  })

  it('at the limits that the caller sets', () => {
    const template = parseTemplate('mustache', '{{#l}}{{.}}{{/l}}')
    expect(() => template.render({ l: list }, { limits: { output: 100 } })).toThrow(/longer than 100 /)
    expect(() => template.render({ l: list }, { limits: { operations: 100 } })).toThrow(/more than 100 /)
    expect(template.render({ l: list })).toHaveLength(2890)
    const chain = [...'abcdefgh'].map((_, index) => parseTemplate('mustache', index === 7 ? 'end' : `{{> c/${index + 1}}}`))
    const include = ({ name }: { name: string }) => chain[Number(name)]
    expect(parseTemplate('mustache', '{{> c/0}}').render({}, { include })).toBe('end')
    expect(() => parseTemplate('mustache', '{{> c/0}}').render({}, { include, limits: { includeDepth: 7 } })).toThrow(RenderLimit)
  })
})

describe('large and odd texts parse in seconds', () => {
  const mib = 1024 * 1024
  const filled = (piece: string) => piece.repeat(mib / piece.length)
  it.each<[string, Engine, string]>([
    ['tags', 'mustache', filled('{{a}} ')],
    ['tags in lines', 'mustache', filled('{{#a}}{{/a}}\n')],
    ['white space in a tag', 'mustache', `{{a${filled(' ')}b}}`],
    ['white space in lines', 'mustache', filled(`${' '.repeat(999)}{{!x}}\n`)],
    ['other delimiters', 'mustache', `{{=<% %>=}}${filled('<%a%> ')}`],
    ['braces', 'mustache', filled('{{')],
    ['a long name', 'mustache', `{{${filled('a.')}a}}`],
    ['a long odd name', 'mustache', `{{${filled('a')}!}}`],
    ['comments', 'mustache', filled('{{! a }} ')],
    ['tags', 'liquid', filled('{{a}} ')],
    ['blocks', 'liquid', filled('{%if a%}x{%endif%}')],
    ['branches', 'liquid', `{%if a%}${filled('{%elsif b%}x')}{%endif%}`],
    ['trimmed tags', 'liquid', filled('{{- a -}}    ')],
    ['braces', 'liquid', filled('{ {% { {{ ')],
    ['open blocks', 'liquid', filled('{% if a %}')],
    ['raw', 'liquid', `{% raw %}${filled('{%')}`],
    ['brackets', 'liquid', `{{ a${'[a'.repeat(4000)} }}`],
  ])('%s of %s', (_name, engine, text) => {
    const { ms, error } = measured(() => parseTemplate(engine, text))
    expect([undefined, 'TemplateInvalid']).toContain((error as Error | undefined)?.name)
    expect(ms).toBeLessThan(30_000)
  })
})
