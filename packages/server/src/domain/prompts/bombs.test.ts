import { describe, expect, test } from 'vitest'
import { aPrompt, freshName, servePath, sharedApp, verdict } from './testing/prompt-kit.ts'

const t = sharedApp()

/** Fill a prompt again and again until another one was served three times meanwhile. @returns the different verdicts */
async function explode(id: string, variables: unknown): Promise<unknown[][]> {
  const other = await aPrompt(t().owner, { content: 'still here' })
  const verdicts = new Map<string, unknown[]>()
  let served = 0
  const bystander = async () => {
    for (; served < 3; served++) expect((await t().owner('GET', servePath(other))).body.content).toBe('still here')
  }
  const bomber = async () => {
    do {
      const seen = verdict(await t().owner('POST', `/prompts/${id}/render`, { variables }))
      verdicts.set(seen.join(), seen)
    } while (served < 3)
  }
  await Promise.all([bomber(), bystander()])
  return [...verdicts.values()]
}

const limited = [[422, 'template.limit']]
const list = Array.from({ length: 200 }, (_, i) => i)

describe('a template that takes too much ends with 422, while others are served', () => {
  test.each<[string, string, string, Record<string, unknown>]>([
    ['nested sections', 'mustache', `${'{{#l}}'.repeat(8)}x${'{{/l}}'.repeat(8)}`, { l: list }],
    ['an output that doubles', 'mustache', '{{#l}}{{#l}}{{big}}{{/l}}{{/l}}', { l: list, big: 'x'.repeat(10_000) }],
    ['nested loops in liquid', 'liquid', `${'{% for a in l %}'.repeat(6)}x${'{% endfor %}'.repeat(6)}`, { l: list }],
    [
      'a text that doubles in liquid',
      'liquid',
      `{% assign s = "xxxxxxxxxx" %}{% for a in l %}{% assign s = s | append: s %}{% endfor %}{{ s }}`,
      { l: list },
    ],
    [
      'a range without end in liquid',
      'liquid',
      '{% for i in (1..1000000000) %}{% for j in (1..1000000000) %}x{% endfor %}{% endfor %}',
      {},
    ],
  ])('%s', async (_name, engine, content, variables) => {
    const { id } = await aPrompt(t().owner, { content, engine })
    expect(await explode(id, variables)).toEqual(limited)
  })

  test('includes that fan out to 10^8, ten of the same at each of eight levels', async () => {
    let below = await aPrompt(t().owner, { content: 'x' })
    for (let level = 0; level < 8; level++) below = await aPrompt(t().owner, { content: `{{> tests/${below.name}}} .`.repeat(10) })
    expect(await explode(below.id, {})).toEqual(limited)
    const plain = await t().owner('GET', servePath(below))
    expect([plain.status, plain.body.includes.length, plain.body.resolvedContent]).toEqual([200, 8, undefined])
  })

  test('includes that fan out to 10^8, ten different ones at each of eight levels', async () => {
    const names = (level: number) => Array.from({ length: 10 }, (_, i) => `${run} ${level} ${i}`)
    const run = freshName('fan')
    for (let level = 0; level < 8; level++) {
      const content =
        level === 0
          ? 'x'
          : names(level - 1)
              .map((name) => `{{> tests/${name}}}`)
              .join(',')
      await Promise.all(names(level).map((name) => aPrompt(t().owner, { name, content })))
    }
    const top = await aPrompt(t().owner, {
      content: names(7)
        .map((name) => `{{> tests/${name}}}`)
        .join(','),
    })
    expect(await explode(top.id, {})).toEqual(limited)
    expect((await t().owner('GET', servePath(top))).body.includes).toHaveLength(80)
  })
})
