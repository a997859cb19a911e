import { describe, expect, test } from 'vitest'
import type { Prompt } from './model/shapes.ts'
import { aPrompt, aVersion, freshName, sharedApp, verdict } from './testing/prompt-kit.ts'

const t = sharedApp()
const get = (path: string) => t().owner('GET', path)
const nowhere = '01900000-0000-7000-8000-000000000000'

describe('one prompt', () => {
  test('is read with its newest, a numbered or a labelled version, never with another one', async () => {
    const one = await aPrompt(t().owner, { content: 'one' })
    await aVersion(t().owner, one, 'two')
    const at = (query: string) => get(`/prompts/${one.id}${query}`)
    const seen = async (query: string) => (({ status, body }) => [status, body.version, body.content])(await at(query))
    expect(await seen('')).toEqual([200, 2, 'two'])
    expect(await seen('?version=1')).toEqual([200, 1, 'one'])
    expect(await seen('?label=production')).toEqual([200, 1, 'one'])
    expect(verdict(await at('?version=3'))).toEqual([404, 'version.not_found'])
    expect(verdict(await at('?label=staging'))).toEqual([404, 'label.not_found'])
    expect(verdict(await at('?label=constructor'))).toEqual([404, 'label.not_found'])
    expect(verdict(await at('?label=production&version=1'))).toEqual([400, 'request.invalid'])
    expect(verdict(await at('?version=0'))).toEqual([400, 'request.invalid'])
    expect(verdict(await get(`/prompts/${nowhere}`))).toEqual([404, 'prompt.not_found'])
    expect(verdict(await get('/prompts/not-an-id'))).toEqual([404, 'prompt.not_found'])
  })

  test('answers 304 to its own ETag until it changes', async () => {
    const { id } = await aPrompt(t().owner)
    const tag = (await get(`/prompts/${id}`)).headers.get('etag')!
    const again = () => t().owner('GET', `/prompts/${id}`, undefined, { 'if-none-match': tag })
    expect((await again()).status).toBe(304)
    await t().owner('PUT', `/prompts/${id}`, { description: 'changed' })
    expect((await again()).status).toBe(200)
  })
})

describe('versions', () => {
  test('are listed newest first, walked by cursor, and read one by one with their labels', async () => {
    const prompt = await aPrompt(t().owner, { content: 'v1', changeSummary: 'first', versionMetadata: { from: 'here' } })
    for (const n of [2, 3, 4, 5]) await aVersion(t().owner, prompt, `v${n}`)
    const first = await get(`/prompts/${prompt.id}/versions?limit=2&includeTotal=true`)
    expect([first.body.items.map((v: Prompt) => v.version), first.body.total]).toEqual([[5, 4], 5])
    const seen: number[] = []
    for (let cursor = first.body.nextCursor; cursor; ) {
      const page = (await get(`/prompts/${prompt.id}/versions?limit=2&cursor=${cursor}`)).body
      seen.push(...page.items.map((v: Prompt) => v.version))
      cursor = page.nextCursor
    }
    expect(seen).toEqual([3, 2, 1])
    expect((await get(`/prompts/${prompt.id}/versions/1`)).body).toMatchObject({
      ...{ version: 1, content: 'v1', changeSummary: 'first', changeType: 'create', labels: ['production'] },
      ...{ metadata: { from: 'here' }, checksum: prompt.checksum, approvals: [], engine: 'mustache', createdBy: 'bootstrap' },
    })
    for (const path of ['versions/6', 'versions/zero', 'versions/1/diff/6'])
      expect(verdict(await get(`/prompts/${prompt.id}/${path}`))).toEqual([404, 'version.not_found'])
    expect(verdict(await get(`/prompts/${prompt.id}/versions?cursor=tampered`))).toEqual([400, 'cursor.invalid'])
  })

  test('are compared in text, words, variables, config and tokens', async () => {
    const prompt = await aPrompt(t().owner, { content: 'Hello {{name}},\nhow are you?', config: { model: 'a', top: 1 } })
    await t().owner('PUT', `/prompts/${prompt.id}`, {
      content: 'Hello {{who}},\nhow are you today?',
      config: { model: 'b', max: 2 },
      engine: 'mustache',
    })
    const { body } = await get(`/prompts/${prompt.id}/versions/1/diff/2`)
    expect(body).toMatchObject({
      ...{ from: 1, to: 2, identical: false, granularity: 'word', engine: { from: 'mustache', to: 'mustache' } },
      variables: {
        added: [{ name: 'who', type: 'string', required: true }],
        removed: [{ name: 'name', type: 'string', required: true }],
        changed: [],
      },
      config: { added: ['max'], removed: ['top'], changed: ['model'] },
    })
    expect(body.tokens.delta).toBe(body.tokens.to - body.tokens.from)
    expect(body.tokens.delta).toBeGreaterThan(0)
    expect(body.unified).toContain('-how are you?\n')
    expect(body.unified).toContain('+how are you today?\n')
    const same = (await get(`/prompts/${prompt.id}/versions/2/diff/2`)).body
    expect([same.identical, same.hunks.every(({ kind }: { kind: string }) => kind === 'equal'), same.tokens.delta]).toEqual([true, true, 0])
  })
})

describe('lists', () => {
  const category = freshName('shelf')
  const ids = new Map<string, string>()
  const add = async (name: string, fields: Record<string, unknown>) => {
    ids.set(name, (await aPrompt(t().owner, { category, name, ...fields })).id)
  }
  const listed = async (query: string) =>
    (await get(`/prompts?category=${encodeURIComponent(category)}&${query}`)).body.items.map(({ name }: Prompt) => name)

  test('hold what was made', async () => {
    await add('b', { tags: ['x', 'y'], description: 'Größe 100% sure' })
    await add('a', { tags: ['x'], isTemplate: true, labels: ['staging'] })
    await add('C', { tags: ['y', 'z'] })
    await add('ä', { tags: [] })
    await t().owner('PUT', `/prompts/${ids.get('b')}`, { isTemplate: false, metadata: { touched: true } })
    expect(await listed('')).toEqual(['ä', 'C', 'a', 'b'])
  })

  test.each([
    ['tag=x', ['a', 'b']],
    ['tag=x&tag=y', ['b']],
    ['tag=none', []],
    ['status=draft', ['ä', 'C', 'a', 'b']],
    ['status=published', []],
    ['author=bootstrap', ['ä', 'C', 'a', 'b']],
    ['author=nobody', []],
    ['isTemplate=true', ['a']],
    ['isTemplate=false', ['ä', 'C', 'b']],
    ['label=staging', ['a']],
    ['label=production', ['ä', 'C', 'b']],
    ['q=GR%C3%96%C3%9F', ['b']],
    ['q=100%25', ['b']],
    ['q=_', []],
    ['updatedAfter=2000-01-01T00:00:00%2B23:00', ['ä', 'C', 'a', 'b']],
    ['updatedAfter=0000-01-01T00:00:00Z', ['ä', 'C', 'a', 'b']],
    ['updatedAfter=2999-01-01T00:00:00Z', []],
    ['tag=y&label=production&isTemplate=false&sort=name', ['C', 'b']],
    ['sort=createdAt', ['b', 'a', 'C', 'ä']],
    ['sort=updatedAt', ['a', 'C', 'ä', 'b']],
    ['sort=-updatedAt', ['b', 'ä', 'C', 'a']],
    ['sort=name', ['C', 'a', 'b', 'ä']],
    ['sort=-name', ['ä', 'b', 'a', 'C']],
  ])('with ?%s', async (query, expected) => expect(await listed(query)).toEqual(expected))

  test.each([
    'sort=age',
    'tag=',
    'isTemplate=maybe',
    'status=lost',
    'updatedAfter=yesterday',
    'updatedAfter=2016-12-31T23:59:60Z',
    'limit=0',
    'limit=x',
    'colour=red',
    'view=tiny',
  ])('?%s is refused', async (query) => expect(verdict(await get(`/prompts?${query}`))).toEqual([400, 'request.invalid']))

  test('as a summary leave out what is heavy', async () => {
    const { items } = (await get(`/prompts?category=${encodeURIComponent(category)}&view=summary`)).body
    expect(Object.keys(items[0]).filter((key) => ['content', 'variables', 'config'].includes(key))).toEqual([])
    expect(items[0]).toMatchObject({ name: 'ä', labels: { production: 1 }, version: 1, engine: 'mustache' })
  })

  test.each(['name', '-name', 'createdAt', '-createdAt', 'updatedAt', '-updatedAt'])(
    'walked page by page in the order of %s give each prompt once',
    async (sort) => {
      const shelf = freshName('walk')
      const names = ['Zebra', 'apple', 'Äpfel', 'épée', 'eclair', 'ZZ', 'zz', '10', '9', ' lead', '中', '🙂', 'ａ', 'a', 'B']
      await Promise.all(names.map((name) => aPrompt(t().owner, { category: shelf, name })))
      const whole = (await get(`/prompts/category/${encodeURIComponent(shelf)}?sort=${sort}&limit=1000`)).body.items.map(
        ({ name }: Prompt) => name,
      )
      const seen: string[] = []
      let cursor: string | null = ''
      while (cursor !== null) {
        const { body } = await get(`/prompts/category/${encodeURIComponent(shelf)}?sort=${sort}&limit=2${cursor && `&cursor=${cursor}`}`)
        seen.push(...body.items.map(({ name }: Prompt) => name))
        cursor = body.nextCursor
      }
      expect(seen).toEqual(whole)
      expect([...seen].sort()).toEqual([...names].sort())
    },
  )

  test('refuse a cursor of another list, and count when asked to', async () => {
    const { body } = await get('/prompts?limit=1&includeTotal=true')
    expect(body.total).toBeGreaterThan(4)
    expect((await get(`/prompts?limit=1&cursor=${body.nextCursor}`)).status).toBe(200)
    expect(verdict(await get(`/prompts?limit=1&sort=name&cursor=${body.nextCursor}`))).toEqual([400, 'cursor.invalid'])
    expect(verdict(await get(`/prompts?limit=1&cursor=${body.nextCursor}x`))).toEqual([400, 'cursor.invalid'])
  })

  test('of categories and tags count live prompts, and are walked', async () => {
    const other = await t().stranger()
    const gone = await aPrompt(other, { category: 'one', tags: ['t'] })
    await other('DELETE', `/prompts/${gone.id}`)
    for (const [group, tags] of [
      ['one', ['t', 'u']],
      ['one', ['t']],
      ['two', ['v/w']],
    ] as const)
      await aPrompt(other, { category: group, tags })
    expect((await other('GET', '/prompts/categories')).body).toEqual({
      items: [
        { name: 'one', count: 2 },
        { name: 'two', count: 1 },
      ],
      nextCursor: null,
    })
    const page = (await other('GET', '/prompts/tags?limit=2')).body
    expect(page.items).toEqual([
      { name: 't', count: 2 },
      { name: 'u', count: 1 },
    ])
    expect((await other('GET', `/prompts/tags?limit=2&cursor=${page.nextCursor}`)).body).toEqual({
      items: [{ name: 'v/w', count: 1 }],
      nextCursor: null,
    })
  })

  test('of deleted prompts hold those alone', async () => {
    const { id } = await aPrompt(t().owner, { category: 'bin' })
    await t().owner('DELETE', `/prompts/${id}`)
    expect((await get('/prompts?category=bin')).body.items).toEqual([])
    expect((await get('/prompts?category=bin&deleted=true')).body.items).toEqual([
      expect.objectContaining({ id, deletedAt: expect.any(String) }),
    ])
  })
})
