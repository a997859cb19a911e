// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${name} is what prompts have for variables
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sharedData } from '../testing/run-cli.ts'
import { detect } from './detect.ts'

test.each([
  ['no tags at all', 'plain', 'mustache'],
  ['JSON {"a": {"b": {}}} and {name} and 100% {sure}', 'plain', 'mustache'],
  ['Hello {{name}}, {{ user.first-name }}!', 'mustache', 'mustache'],
  ['{{#items}}- {{.}}\n{{/items}}{{^items}}none{{/items}}{{! note }}{{{raw}}}{{&raw}}', 'mustache', 'mustache'],
  ['{{> shared/tone@production}} Hi', 'mustache', 'mustache'],
  ['{{größe}} 你好 {{名字}}', 'mustache', 'mustache'],
  ['{{> header}}', 'foreign', 'none'],
  ['{% if a == "b" and c %}{{ x | upcase }}{% elsif d contains 1 %}{{ list[0].name }}{% else %}-{% endif %}', 'liquid', 'liquid'],
  ['{%- for item in user.items limit: 3 -%}{{ item }}{%- endfor -%}', 'liquid', 'liquid'],
  ['{{ name | default: "friend" }}', 'liquid', 'liquid'],
  ['{{ list | join: ", " }}', 'liquid', 'liquid'],
  ['{% assign n = items | size %}{% case n %}{% when 1, 2 %}few{% endcase %}', 'liquid', 'liquid'],
  ['{{ list | join }}', 'jinja', 'none'],
  ['{{ list | join(", ") }}', 'jinja', 'none'],
  ['{% set x = 1 %}{{ x }}', 'jinja', 'none'],
  ['{% if x is defined %}{{ x }}{% endif %}', 'jinja', 'none'],
  ['{% if not x %}{{ x }}{% endif %}', 'jinja', 'none'],
  ['{% for k, v in d.items() %}{{ k }}{% endfor %}', 'jinja', 'none'],
  ['{{ text.split(" ")[0] }}', 'jinja', 'none'],
  ['{{ loop.index }}{% if a %}x{% endif %}', 'jinja', 'none'],
  ['{# note #}{% if a %}x{% endif %}', 'jinja', 'none'],
  ['Write ```\n{{name}}\n``` as it is', 'code', 'none'],
  ['Use `{{name}}` for names, and `{% if %}`', 'code', 'none'],
  ['~~~jinja\n{% if x %}\n~~~', 'code', 'none'],
  ['a fence that never ends\n```\n{{name}}', 'code', 'none'],
  ['Use `{{name}}`, my {{friend}}', 'mustache', 'mustache'],
  ['env: ${{ secrets.TOKEN }}', 'foreign', 'none'],
  ['\\frac{{a}}{{b}} in LaTeX', 'foreign', 'none'],
  ['\\textbf{x}{{a}}', 'foreign', 'none'],
  ['<div style={{ width: 1 }}>', 'foreign', 'none'],
  ["{{ $json['x'] }}", 'foreign', 'none'],
  ['{{#1761815388187.name#}}', 'foreign', 'none'],
  ['{{code here}}', 'foreign', 'none'],
  ['{{}}', 'foreign', 'none'],
  ['opened {{ and never closed', 'foreign', 'none'],
  ['{{"key": "value"}}', 'foreign', 'none'],
  ['Act as ${role:a doctor} in ${city}', 'dollar', 'none'],
  ['```js\nlog(`${error}`)\n```', 'plain', 'mustache'],
  ['costs $5 or ${error.message}', 'plain', 'mustache'],
])('%j is %s', (text, decision, engine) => {
  expect(detect(text)).toMatchObject({ decision, engine })
})

test('variables of the ${name:default} kind are told with their defaults, each once, and beside other tags', () => {
  const { variableSyntax } = detect("${Topic:AI: now} ${ audience } ${Topic} ${${nested:x}} `${code}` ${Brand's name/line:}")
  expect(variableSyntax).toEqual({
    style: '${name:default}',
    variables: [
      { name: 'Topic', default: 'AI: now' },
      { name: 'audience' },
      { name: 'nested', default: 'x' },
      { name: "Brand's name/line", default: '' },
    ],
  })
  expect(detect('${a:1} and {{b}}')).toMatchObject({ decision: 'mustache', variableSyntax: { variables: [{ name: 'a', default: '1' }] } })
})

test.each(['{{', '{% if ', '${a:', '```\n', '`', '\\frac{', '{{a | ', '{{a}}', '{{x[', '~~~\n{{', '` ``\n', '{{ a if '])(
  'a long text full of %j comes to an end',
  (part) => {
    // Quadratic time would be minutes here, and end in the test's timeout.
    expect(detect(part.repeat(1_000_000 / part.length)).engine).toMatch(/mustache|none/)
  },
)

const prompts = join(sharedData, 'prompts')
const files = (() => {
  try {
    return readdirSync(prompts)
  } catch {
    console.warn(`SKIPPED: real prompts are not at ${prompts}`)
    return []
  }
})()

test.skipIf(files.length === 0)('of the real prompts every one finds its syntax', () => {
  const counts = Object.fromEntries(
    files.map((file) => {
      const of: Record<string, number> = {}
      for (const line of readFileSync(join(prompts, file), 'utf8').trim().split('\n')) {
        const { decision } = detect(JSON.parse(line).content)
        of[decision] = (of[decision] ?? 0) + 1
      }
      return [file, of]
    }),
  )
  expect(counts).toMatchInlineSnapshot(`
    {
      "awesome-chatgpt-prompts.jsonl": {
        "code": 3,
        "dollar": 436,
        "foreign": 6,
        "mustache": 2,
        "plain": 1077,
      },
      "fabric-patterns.jsonl": {
        "foreign": 2,
        "mustache": 4,
        "plain": 219,
      },
      "promptsource.jsonl": {
        "foreign": 12,
        "jinja": 1261,
        "liquid": 631,
        "mustache": 181,
      },
      "voltagent-subagents.jsonl": {
        "plain": 158,
      },
    }
  `)
})
