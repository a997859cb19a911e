import { describe, expect, test } from 'vitest'
import type { Prompt } from './model/shapes.ts'
import { aPrompt, aVersion, freshName, servePath, sharedApp, verdict } from './testing/prompt-kit.ts'

const t = sharedApp()
const tag = ({ category, name }: { category: string; name: string }, pin = '') => {
  const encode = (part: string) => part.replace(/[/@%]/g, encodeURIComponent)
  return `{{> ${encode(category)}/${encode(name)}${pin}}}`
}
const including = (target: { category: string; name: string }, pin = '') => aPrompt(t().owner, { content: `<${tag(target, pin)}>` })
const served = async (prompt: Prompt, query = 'var.unused=x') => (await t().owner('GET', servePath(prompt, query))).body.rendered
const setLabel = (id: string, label: string, version: number) => t().owner('PUT', `/prompts/${id}/labels/${label}`, { version })
const setContent = (id: string, content: string) => t().owner('PUT', `/prompts/${id}/content`, { content })

/** A chain: the first includes the second, and so on; `n` includes deep. Made from its end. */
async function chain(n: number): Promise<Prompt[]> {
  const links = [await aPrompt(t().owner, { content: 'end' })]
  for (let i = 0; i < n; i++) links.unshift(await including(links[0]!))
  return links
}

describe('an include', () => {
  test('follows production, another label, or a pinned version', async () => {
    const part = await aPrompt(t().owner, { content: 'one', category: 'a/b', name: freshName('50% @home') })
    await aVersion(t().owner, part, 'two')
    await aVersion(t().owner, part, 'three')
    await setLabel(part.id, 'staging', 2)
    const whole = await aPrompt(t().owner, { content: `${tag(part)}, ${tag(part, '@staging')}, ${tag(part, '@3')}` })
    expect(await served(whole)).toBe('one, two, three')
    await setLabel(part.id, 'production', 3)
    expect(await served(whole)).toBe('three, two, three')
    await setLabel(part.id, 'staging', 1)
    expect(await served(whole)).toBe('three, one, three')
  })

  test('is told in the manifest with version and checksum, each once, the nearest first', async () => {
    const leaf = await aPrompt(t().owner, { content: 'leaf {{x}}' })
    const middle = await aPrompt(t().owner, { content: `middle ${tag(leaf)}` })
    const whole = await aPrompt(t().owner, { content: `${tag(middle)}, ${tag(leaf)}, ${tag(leaf, '@1')}` })
    const { body } = await t().owner('GET', servePath(whole))
    const entry = ({ id, category, name, version, checksum }: Prompt) => ({ promptId: id, category, name, version, checksum })
    expect(body.includes).toHaveLength(2)
    expect(body.includes).toEqual(expect.arrayContaining([entry(middle), entry(leaf)]))
    expect((await t().owner('POST', `/prompts/${whole.id}/render`, { variables: { x: '1' } })).body).toMatchObject({
      text: 'middle leaf 1, leaf 1, leaf 1',
      includes: body.includes,
    })
  })

  test('is kept by id: a rename changes nothing, also when the text is edited and the old name is taken', async () => {
    const part = await aPrompt(t().owner, { content: 'part' })
    const whole = await including(part)
    await t().owner('PUT', `/prompts/${part.id}`, { name: freshName('renamed') })
    expect(await served(whole)).toBe('<part>')
    const other = await aPrompt(t().owner, { content: 'another', name: part.name })
    await setContent(whole.id, `[${tag(part)}]`)
    await setLabel(whole.id, 'production', 2)
    expect(await served(whole)).toBe('[part]')
    await t().owner('PUT', `/prompts/${whole.id}`, { config: { model: 'm' } })
    await t().owner('POST', `/prompts/${whole.id}/versions/1/rollback`, { labels: ['production'] })
    expect(await served(whole)).toBe('<part>')
    const fork = await t().owner('POST', `/prompts/${whole.id}/fork`, { name: freshName('fork') })
    expect(await served(fork.body)).toBe('<part>')
    expect(await served(await including(other))).toBe('<another>')
    expect(await served(whole, 'version=3&var.unused=x')).toBe('[part]')
  })

  test('by a name of before finds the prompt while that name serves', async () => {
    const part = await aPrompt(t().owner, { content: 'part' })
    await t().owner('PUT', `/prompts/${part.id}`, { name: freshName('renamed') })
    expect(await served(await including(part))).toBe('<part>')
  })

  test('means to each text what it meant when that was saved, also within one composition', async () => {
    const first = await aPrompt(t().owner, { content: 'first' })
    const inner = await aPrompt(t().owner, { content: `inner ${tag(first)}` })
    await t().owner('PUT', `/prompts/${first.id}`, { name: freshName('away') })
    await aPrompt(t().owner, { content: 'second', name: first.name })
    const twin = await aPrompt(t().owner, { content: `inner ${tag(first)}` })
    expect(twin.checksum).toBe(inner.checksum)
    const whole = await aPrompt(t().owner, { content: `${tag(first)}, ${tag(inner)}, ${tag(twin)}, ${tag(inner)}` })
    expect(await served(whole)).toBe('second, inner first, inner second, inner first')
    expect((await t().owner('GET', servePath(whole))).body.resolvedContent).toBe('second, inner first, inner second, inner first')
  })

  test('of what is not there is refused', async () => {
    const part = await aPrompt(t().owner, { labels: ['staging'] })
    const chat = await aPrompt(t().owner, { content: [{ role: 'user', content: 'x' }] })
    const refused = ['{{> no/such}}', tag(part), tag(part, '@beta'), tag(part, '@2'), tag(chat), tag(chat, '@1')]
    for (const content of refused) {
      const answer = await t().owner('POST', '/prompts', { content })
      expect([...verdict(answer), answer.body.errors[0].pointer], content).toEqual([422, 'include.not_found', '/content'])
    }
    const many = Array.from({ length: 201 }, (_, i) => tag(part, `@staging${i}`)).join('')
    expect(verdict(await t().owner('POST', '/prompts', { content: many }))).toEqual([422, 'include.not_found'])
    expect(verdict(await t().owner('POST', '/prompts', { content: '{{> nothing}}', engine: 'mustache' }))).toEqual([
      422,
      'template.invalid',
    ])
    expect(verdict(await t().owner('POST', '/prompts', { content: `{{=<% %>=}}<%> no/such%>` }))).toEqual([422, 'include.not_found'])
    expect(verdict(await t().owner('POST', '/prompts', { content: `{% render 'no/such' %}`, engine: 'liquid' }))).toEqual([
      422,
      'include.not_found',
    ])
  })

  test('keeps its prompt a text: a label that others follow cannot come to stand on a chat', async () => {
    const part = await aPrompt(t().owner, { content: 'text' })
    const whole = await including(part)
    await aVersion(t().owner, part, [{ role: 'user', content: 'chat' }])
    const moved = await setLabel(part.id, 'production', 2)
    expect([...verdict(moved), moved.body.usedBy]).toEqual([409, 'label.in_use', [`tests/${whole.name}`]])
    expect(verdict(await t().owner('POST', `/prompts/${part.id}/versions/2/rollback`, { labels: ['production'] }))).toEqual([
      409,
      'label.in_use',
    ])
    expect((await setLabel(part.id, 'other', 2)).status).toBe(200)
    const gone = await t().owner('DELETE', `/prompts/${part.id}/labels/production`)
    expect([...verdict(gone), gone.body.usedBy]).toEqual([409, 'label.in_use', [`tests/${whole.name}`]])
    expect(await served(whole)).toBe('<text>')
  })

  test('shows in used-by of what is included, with the labels that serve it', async () => {
    const part = await aPrompt(t().owner, { labels: ['production', 'beta'] })
    const whole = await including(part, '@beta')
    await setContent(whole.id, 'no more')
    const { body } = await t().owner('GET', `/prompts/${part.id}/used-by`)
    expect(body).toEqual({
      prompts: [
        { id: whole.id, category: 'tests', name: whole.name, version: 1, reference: `tests/${part.name}@beta`, labels: ['production'] },
      ],
      labels: ['beta', 'production'],
    })
    await setLabel(whole.id, 'production', 2)
    expect((await t().owner('GET', `/prompts/${part.id}/used-by`)).body.prompts).toEqual([])
  })

  test('in another engine, and in a chat, is written with the same values', async () => {
    const mustache = await aPrompt(t().owner, { content: 'M{{x}}' })
    const liquid = await aPrompt(t().owner, { content: `L{{ x | upcase }}{% include 'tests/${mustache.name}' %}`, engine: 'liquid' })
    const none = await aPrompt(t().owner, { content: '{{x}}', engine: 'none' })
    const whole = await aPrompt(t().owner, {
      content: [
        { role: 'system', content: tag(liquid) },
        { role: 'user', content: tag(none) },
      ],
    })
    const { body } = await t().owner('POST', `/prompts/${whole.id}/render`, { variables: { x: 'a' } })
    expect(body.messages).toEqual([
      { role: 'system', content: 'LAMa' },
      { role: 'user', content: '{{x}}' },
    ])
    expect((await t().owner('GET', servePath(whole))).body.resolvedContent).toBeUndefined()
  })
})

describe('depth', () => {
  test('8 is served, 9 is refused', async () => {
    const links = await chain(8)
    expect(await served(links[0]!)).toBe(`${'<'.repeat(8)}end${'>'.repeat(8)}`)
    const ninth = await t().owner('POST', '/prompts', { content: tag(links[0]!) })
    expect([...verdict(ninth), ninth.body.chain.length]).toEqual([422, 'include.too_deep', 10])
  })

  test('also holds from above: the end of a chain cannot grow, by a save, a label move or a rollback', async () => {
    const [top, ...rest] = await chain(8)
    const end = rest.at(-1)!
    const more = await aPrompt(t().owner, { content: 'more' })
    const grown = await setContent(end.id, `longer ${tag(more)}`)
    expect([...verdict(grown), grown.body.chain[0], grown.body.chain.at(-1)]).toEqual([
      422,
      'include.too_deep',
      `tests/${top!.name}`,
      `tests/${more.name}`,
    ])

    const late = await aPrompt(t().owner, { content: `x ${tag(more)}` })
    await setContent(late.id, 'short')
    await setLabel(late.id, 'production', 2)
    expect((await setContent(end.id, 'end again')).status).toBe(200)
    const seven = rest.at(-2)!
    expect((await setContent(seven.id, `<${tag(late)}>`)).status, 'late is short now').toBe(200)
    expect(verdict(await setLabel(late.id, 'production', 1))).toEqual([409, 'include.chain_too_deep'])
    expect(verdict(await t().owner('POST', `/prompts/${late.id}/versions/1/rollback`, {}))).toEqual([409, 'include.chain_too_deep'])
    expect(await served(top!)).toContain('end')
  })
})

describe('a cycle', () => {
  test('is refused at a save, with its path', async () => {
    const name = freshName('self')
    const self = await t().owner('POST', '/prompts', { content: tag({ category: 'tests', name }), category: 'tests', name })
    expect([...verdict(self), self.body.cycle]).toEqual([422, 'include.cycle', [`tests/${name}`, `tests/${name}`]])
    const [a, b, c] = await chain(2)
    const closing = await setContent(c!.id, tag(a!))
    expect([...verdict(closing), closing.body.cycle]).toEqual([422, 'include.cycle', [c, a, b, c].map((p) => `tests/${p!.name}`)])
    expect(closing.body.errors[0]).toMatchObject({ pointer: '/content', code: 'include.cycle' })
    expect((await t().owner('GET', `/prompts/${c!.id}`)).body.version).toBe(1)
    expect(verdict(await t().owner('PUT', `/prompts/${c!.id}`, { content: tag(b!) }))).toEqual([422, 'include.cycle'])
  })

  test('is not seen where there is none: a version may include an earlier one of its own prompt', async () => {
    const prompt = await aPrompt(t().owner, { content: 'one' })
    expect((await setContent(prompt.id, `<${tag(prompt, '@1')}>`)).status).toBe(200)
    expect((await setContent(prompt.id, `<${tag(prompt, '@2')}>`)).status).toBe(200)
    expect(await served(prompt, 'version=3&var.unused=x')).toBe('<<one>>')
    expect(verdict(await setContent(prompt.id, `<${tag(prompt, '@5')}>`))).toEqual([422, 'include.not_found'])
    expect(verdict(await setContent(prompt.id, `<${tag(prompt, '@4')}>`)), 'itself').toEqual([422, 'include.cycle'])
    expect((await t().owner('DELETE', `/prompts/${prompt.id}`)).status).toBe(204)
  })

  test('by an engine that is switched on later is refused too', async () => {
    const a = await aPrompt(t().owner, { content: 'a' })
    const b = await including(a)
    await t().owner('PUT', `/prompts/${a.id}`, { content: tag(b), engine: 'none' })
    expect(verdict(await t().owner('PUT', `/prompts/${a.id}`, { engine: 'mustache' }))).toEqual([422, 'include.cycle'])
  })

  /** `first` includes `second` in version 1, which is out of use; `second` includes `first` in version 2, in use. */
  async function sleepingCycle() {
    const second = await aPrompt(t().owner, { content: 'second' })
    const first = await including(second)
    await setContent(first.id, 'first')
    await setLabel(first.id, 'production', 2)
    expect((await setContent(second.id, tag(first))).status).toBe(200)
    expect((await setLabel(second.id, 'production', 2)).status).toBe(200)
    return { first, second }
  }

  test('is refused at a label move, a revert and a rollback', async () => {
    const { first } = await sleepingCycle()
    for (const answer of [
      await setLabel(first.id, 'production', 1),
      await setLabel(first.id, 'any', 1),
      await t().owner('POST', `/prompts/${first.id}/labels/production/revert`, {}),
      await t().owner('POST', `/prompts/${first.id}/versions/1/rollback`, {}),
    ])
      expect(verdict(answer)).toEqual([409, 'include.cycle_closed'])
    expect((await t().owner('GET', `/prompts/${first.id}`)).body).toMatchObject({ version: 2, labels: { production: 2 } })
  })

  test('is refused at a restore', async () => {
    const first = await aPrompt(t().owner, { content: 'first' })
    const second = await including(first)
    await setContent(second.id, 'second')
    await setLabel(second.id, 'production', 2)
    await setContent(first.id, tag(second))
    expect((await t().owner('DELETE', `/prompts/${first.id}`)).status).toBe(204)
    expect((await setLabel(second.id, 'production', 1)).status).toBe(200)
    const restored = await t().owner('POST', `/prompts/${first.id}/restore`)
    expect([...verdict(restored), restored.body.cycle.length]).toEqual([409, 'include.cycle_closed', 3])
  })

  test('that two saves would close together is closed by neither: exactly one wins, ten times', async () => {
    for (let round = 0; round < 10; round++) {
      const [a, b] = [await aPrompt(t().owner, { content: 'a' }), await aPrompt(t().owner, { content: 'b' })]
      const answers = await Promise.all([setContent(a.id, tag(b)), setContent(b.id, tag(a))])
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 422])
    }
  })

  test('that three label moves would close together is closed by none', async () => {
    const ring = await Promise.all(['a', 'b', 'c'].map((content) => aPrompt(t().owner, { content })))
    for (const [i, prompt] of ring.entries()) {
      expect((await setContent(prompt.id, tag(ring[(i + 1) % 3]!))).status).toBe(200)
      if (i < 2) await setContent(prompt.id, 'the version before is out of use')
    }
    const answers = await Promise.all(ring.map(({ id }) => setLabel(id, 'live', 2)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 409])
  })

  test('cannot come about between a save and a deletion: either the includer is refused or the included stays', async () => {
    for (let round = 0; round < 10; round++) {
      const [part, whole] = [await aPrompt(t().owner), await aPrompt(t().owner)]
      const [saved, gone] = await Promise.all([setContent(whole.id, tag(part)), t().owner('DELETE', `/prompts/${part.id}`)])
      expect([200, 422].includes(saved.status) && [204, 409].includes(gone.status)).toBe(true)
      expect(saved.status === 200).toBe(gone.status === 409)
    }
  })
})

test('a storm of saves, label moves, renames, deletions and restores around each other ends without a fault of ours', async () => {
  const prompts = await Promise.all(Array.from({ length: 6 }, (_, i) => aPrompt(t().owner, { content: `v1 of ${i}` })))
  const any = (n: number) => prompts[n % prompts.length]!
  const acts = [
    (n: number) => setContent(any(n).id, `${n} ${tag(any(n * 7 + 1))}`),
    (n: number) => setContent(any(n).id, `${n} ${tag(any(n * 5 + 2))} ${tag(any(n * 3 + 1), '@1')}`),
    (n: number) => setLabel(any(n).id, 'production', 1 + (n % 3)),
    (n: number) => t().owner('PUT', `/prompts/${any(n).id}`, { name: `${any(n).name} ${n % 4}` }),
    (n: number) => t().owner('DELETE', `/prompts/${any(n).id}${n % 2 ? '?force=true' : ''}`),
    (n: number) => t().owner('POST', `/prompts/${any(n).id}/restore`),
    (n: number) => t().owner('POST', `/prompts/${any(n).id}/versions/1/rollback`, { labels: ['production'] }),
    (n: number) => aPrompt(t().owner, { content: `${n}` }),
  ]
  const statuses = new Set<number>()
  for (let round = 0; round < 6; round++)
    await Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        const answer = await acts[(i + round) % acts.length]!(i * 11 + round * 5)
        if ('status' in answer && typeof answer.status === 'number') statuses.add(answer.status)
      }),
    )
  expect([...statuses].filter((status) => status >= 500)).toEqual([])
  for (const { id } of prompts) {
    await t().owner('POST', `/prompts/${id}/restore`)
    const rendered = await t().owner('POST', `/prompts/${id}/render`, {})
    expect([200, 404, 409], rendered.text).toContain(rendered.status)
  }
})
