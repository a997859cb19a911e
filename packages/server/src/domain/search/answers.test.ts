import { beforeAll, describe, expect, test } from 'vitest'
import { aPrompt, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { find, indexed, names } from './testing/search-kit.ts'

const t = sharedApp()

beforeAll(async () => {
  const { owner } = t()
  for (let n = 0; n < 12; n++)
    await aPrompt(owner, {
      name: `report ${n}`,
      content: `Write a report about ${'sales '.repeat(n + 1)}`,
      category: n % 3 === 0 ? 'finance' : 'office',
      tags: n % 2 === 0 ? ['even', 'report'] : ['report'],
      isTemplate: n === 5,
      labels: n === 7 ? ['production', 'staging'] : ['production'],
      description: n === 1 ? '<b onmouseover="x">sales</b> & more' : '',
    })
  await indexed(owner)
})

describe('filters', () => {
  const counted = async (filters: object) => (await names(t().owner, 'sales', { filters })).length
  test.each<[object, number]>([
    [{}, 12],
    [{ category: 'finance' }, 4],
    [{ category: 'nowhere' }, 0],
    [{ tag: ['even'] }, 6],
    [{ tag: ['even', 'report'] }, 6],
    [{ tag: ['even', 'odd'] }, 0],
    [{ status: 'draft' }, 12],
    [{ status: 'archived' }, 0],
    [{ author: 'bootstrap' }, 12],
    [{ author: 'nobody' }, 0],
    [{ isTemplate: true }, 1],
    [{ label: 'staging' }, 1],
    [{ category: 'finance', tag: ['even'] }, 2],
    [{ updatedAfter: '2000-01-01T00:00:00Z' }, 12],
    [{ updatedAfter: '2999-01-01T00:00:00Z' }, 0],
  ])('%j lets through %i', async (filters, expected) => {
    const all = filters as { author?: string }
    const author = (await t().owner('GET', '/prompts?limit=1')).body.items[0].createdBy
    expect(await counted(all.author === 'bootstrap' ? { author } : filters)).toBe(expected)
  })

  test('a filter finds what has a common word alone, however rare the other words are', async () => {
    await aPrompt(t().owner, { name: 'rare', content: 'zyzzyva report', category: 'elsewhere' })
    await indexed(t().owner)
    expect(await names(t().owner, 'zyzzyva sales', { filters: { category: 'finance' } })).toHaveLength(4)
  })
})

test('facets count the matches, by each of what was asked for', async () => {
  const { body } = await find(t().owner, 'sales', { facets: ['category', 'tag', 'status', 'isTemplate'], limit: 1 })
  expect(body.items).toHaveLength(1)
  expect(body.facets).toEqual({
    category: [
      { value: 'office', count: 8 },
      { value: 'finance', count: 4 },
    ],
    tag: [
      { value: 'report', count: 12 },
      { value: 'even', count: 6 },
    ],
    status: [{ value: 'draft', count: 12 }],
    isTemplate: [
      { value: false, count: 11 },
      { value: true, count: 1 },
    ],
  })
})

test('a walk over the pages gives each match once, best first', async () => {
  const seen: string[] = []
  const scores: number[] = []
  let cursor: string | null = null
  do {
    const { body } = await find(t().owner, 'sales', { limit: 5, ...(cursor && { cursor }) })
    seen.push(...body.items.map(({ id }: { id: string }) => id))
    scores.push(...body.items.map(({ score }: { score: number }) => score))
    cursor = body.nextCursor
  } while (cursor)
  expect(new Set(seen).size).toBe(12)
  expect(seen).toHaveLength(12)
  expect(scores).toEqual(scores.toSorted((a, b) => b - a))
})

test('a cursor of another search, or a wrong one, is 400', async () => {
  const { cursor } = { cursor: (await find(t().owner, 'sales', { limit: 2 })).body.nextCursor }
  expect(verdict(await find(t().owner, 'sale', { limit: 2, cursor }))).toEqual([400, 'cursor.invalid'])
  expect(verdict(await find(t().owner, 'sales', { limit: 2, cursor, filters: { category: 'office' } }))).toEqual([400, 'cursor.invalid'])
  expect(verdict(await find(t().owner, 'sales', { cursor: `${cursor}x` }))).toEqual([400, 'cursor.invalid'])
})

test('highlights are plain text with offsets: markup of a prompt stays text', async () => {
  const { body } = await find(t().owner, 'sales')
  const marked = body.items.find(({ name }: { name: string }) => name === 'report 1').highlights
  expect(marked.find(({ field }: { field: string }) => field === 'description')).toEqual({
    field: 'description',
    text: '<b onmouseover="x">sales</b> & more',
    ranges: [{ start: 19, end: 24 }],
  })
  for (const { highlights } of body.items)
    for (const { text, ranges } of highlights)
      for (const { start, end } of ranges) expect(text.slice(start, end).toLowerCase()).toMatch(/^sales?$/)
})

test('did you mean: unknown words are replaced where they stand by the likeliest there are', async () => {
  const { body } = await find(t().owner, 'wrte a "repotr"')
  expect(body.suggestions).toEqual([{ query: 'write a "report"' }])
  expect(body.items.length).toBeGreaterThan(0)
})

describe('what is strange', () => {
  test.each([
    ["'; drop table search_document; --"],
    ['"'],
    ['%'],
    ['%_\\'],
    ['(sales & | !'],
    ['sales:*'],
    ['<->'],
    ['sales\n\t report'],
    ['\u202esales'],
    ['😀 👩‍👩‍👧 🇩🇪'],
    ['文章を翻訳 🙂 بحث поиск ค้นหา'],
    ['x'.repeat(20_000)],
    ['many words '.repeat(1_000)],
    [Array.from({ length: 1_500 }, (_, i) => `w${i}`).join(' ')],
  ])('%# is searched for as any other text', async (query) => {
    const answer = await find(t().owner, query, { mode: 'hybrid', facets: ['category', 'tag'] })
    expect(answer.status, answer.text).toBe(200)
    expect(await names(t().owner, 'sales')).toHaveLength(12)
  })

  test('a query without any word says so and finds nothing', async () => {
    const { body } = await find(t().owner, '%')
    expect([body.items, body.warnings.map(({ code }: { code: string }) => code)]).toEqual([[], ['query.no_words']])
  })

  test('a blank query lists what the filters let through, last changed first', async () => {
    const { body } = await find(t().owner, '  ', { filters: { category: 'finance' }, facets: ['category'] })
    const times = body.items.map(({ updatedAt }: { updatedAt: string }) => updatedAt)
    expect(times).toHaveLength(4)
    expect(times).toEqual(times.toSorted().reverse())
    expect(body.facets).toEqual({ category: [{ value: 'finance', count: 4 }] })
  })

  test.each<[object, string]>([
    [{}, '/query'],
    [{ query: 1 }, '/query'],
    [{ query: 'x'.repeat(20_001) }, '/query'],
    [{ query: 'x', mode: 'magic' }, '/mode'],
    [{ query: 'x', filters: { colour: 'red' } }, '/filters/colour'],
    [{ query: 'x', filters: { updatedAfter: 'yesterday' } }, '/filters/updatedAfter'],
    [{ query: 'x', filters: { updatedAfter: '2016-12-31T23:59:60Z' } }, '/filters/updatedAfter'],
    [{ query: 'x', facets: ['colour'] }, '/facets/0'],
    [{ query: 'x', limit: 0 }, '/limit'],
    [{ query: 'x', sort: 'name' }, '/sort'],
  ])('%j is 400 and names the field', async (body, pointer) => {
    const answer = await t().owner('POST', '/prompts/search', body)
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, pointer])
  })

  test('NUL and a lone surrogate are 422', async () => {
    expect((await t().owner('POST', '/prompts/search', { query: 'a\0b' })).status).toBe(422)
    expect((await t().owner('POST', '/prompts/search', '{"query":"\\ud800"}')).status).toBe(422)
  })
})
