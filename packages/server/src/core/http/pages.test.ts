import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Call, startTestApp, type TestApp } from '../../testing/index.ts'
import { endpointsOf, makeFixtures } from '../testing/walk.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

type Item = { id: string; name: string }
let made = 0
const make = async (category: string): Promise<Item> =>
  (await t.owner('POST', '/prompts', { content: 'c', category, name: `${String(Math.random()).slice(2, 8)} ${made++}` })).body

describe('a walk', () => {
  /** Before each page some prompts are made and some deleted. */
  const step = fc.record({ limit: fc.integer({ min: 1, max: 4 }), make: fc.nat(2), remove: fc.array(fc.nat(), { maxLength: 2 }) })

  test.each(['createdAt', '-createdAt', 'name', '-name', 'updatedAt', '-updatedAt'])(
    'by %s gives each prompt that stays once, in order, whatever comes and goes meanwhile',
    async (sort) => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 12 }), fc.array(step, { minLength: 1, maxLength: 8 }), async (count, steps) => {
          const category = `walk ${made++}`
          const live = new Map<string, Item>()
          for (let n = 0; n < count; n++) await make(category).then((item) => live.set(item.id, item))
          const stable = new Set(live.keys())
          const seen: Item[] = []
          for (let i = 0, cursor: string | null = ''; cursor !== null; i++) {
            const change = steps[i % steps.length]!
            for (const n of change.remove) {
              const id = [...live.keys()][n % Math.max(1, live.size)]
              if (id && (await t.owner('DELETE', `/prompts/${id}`)).status === 204) {
                live.delete(id)
                stable.delete(id)
              }
            }
            if (i < 8) for (let n = 0; n < change.make; n++) await make(category).then((item) => live.set(item.id, item))
            const page: { items: Item[]; nextCursor: string | null } = (
              await t.owner(
                'GET',
                `/prompts/category/${encodeURIComponent(category)}?sort=${sort}&limit=${change.limit}${cursor ? `&cursor=${cursor}` : ''}`,
              )
            ).body
            expect(page.items.length).toBeLessThanOrEqual(change.limit)
            seen.push(...page.items)
            cursor = page.nextCursor
          }
          const ids = seen.map(({ id }) => id)
          expect(new Set(ids).size).toBe(ids.length)
          expect([...stable].filter((id) => !ids.includes(id))).toEqual([])
        }),
        { numRuns: 6 },
      )
    },
    120_000,
  )

  test('over equal sort values repeats and skips nothing', async () => {
    const ids: string[] = []
    for (let n = 0; n < 7; n++) ids.push((await make('equal')).id)
    await t.database.query(
      `update prompt set created_at = '2025-01-01T00:00:00Z', updated_at = '2025-01-01T00:00:00Z' where category = 'equal'`,
    )
    for (const sort of ['createdAt', '-updatedAt'])
      expect((await walkAll(t.owner, `/prompts/category/equal?sort=${sort}&limit=2`)).map(({ id }) => id).sort()).toEqual([...ids].sort())
  })

  test('of every list ends, whatever the page size', async () => {
    const { id, label } = await makeFixtures(t.owner)
    for (const status of ['review', 'draft', 'review']) await t.owner('PUT', `/prompts/${id}/lifecycle`, { status })
    for (let n = 0; n < 4; n++) await t.owner('PUT', `/prompts/${id}/content`, { content: `${n}` })
    for (let n = 1; n < 5; n++) await t.owner('PUT', `/prompts/${id}/labels/${label}`, { version: n })
    for (const path of [
      `/prompts/${id}/versions`,
      `/prompts/${id}/labels/${label}/history`,
      '/prompts/categories',
      '/prompts/tags',
      '/prompts/tags/walked',
      '/prompts/lifecycle/review',
      `/prompts/${id}/lifecycle/history`,
      `/prompts/${id}/documents`,
      '/documents',
    ]) {
      const whole = (await t.owner('GET', `${path}?limit=200`)).body
      expect(whole.nextCursor).toBeNull()
      expect(whole.items.length).toBeGreaterThan(0)
      expect(await walkAll(t.owner, `${path}?limit=1`)).toEqual(whole.items)
    }
  })
})

async function walkAll(call: Call, path: string): Promise<Item[]> {
  const items: Item[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { items: Item[]; nextCursor: string | null } = (await call('GET', path + (cursor && `&cursor=${cursor}`))).body
    items.push(...page.items)
    cursor = page.nextCursor
  }
  return items
}

describe('a cursor', () => {
  const cursorOf = async (path: string, call: Call = t.owner): Promise<string> => {
    const { body } = await call('GET', path)
    if (typeof body.nextCursor !== 'string') throw new Error(`${path} has but one page`)
    return body.nextCursor
  }
  const refused = async (path: string, call: Call = t.owner) => {
    const { status, body } = await call('GET', path)
    expect([path, status, body.code]).toEqual([path, 400, 'cursor.invalid'])
  }

  test('is refused with 400 when it was tampered with', async () => {
    for (let n = 0; n < 3; n++) await make('cursor')
    const path = '/prompts/category/cursor?limit=1'
    const cursor = await cursorOf(path)
    for (const other of [
      'x',
      '.',
      `${cursor}x`,
      `${cursor}=`,
      cursor.slice(1),
      cursor.slice(0, -1),
      cursor.toUpperCase(),
      cursor.replace('.', '..'),
      cursor.split('.')[0]!,
    ])
      await refused(`${path}&cursor=${other}`)
    const forged = Buffer.from('["2000-01-01","01900000-0000-7000-8000-000000000000"]').toString('base64url')
    await refused(`${path}&cursor=${forged}.${cursor.split('.')[1]}`)
  })

  test('is refused with 400 by another list, another filter, another sort, and in another workspace', async () => {
    const { id } = await makeFixtures(await t.stranger())
    for (let n = 0; n < 3; n++) await make('cursor')
    const cursor = await cursorOf('/prompts?category=cursor&limit=1')
    for (const path of [
      '/prompts?',
      '/prompts?category=other&',
      '/prompts?category=cursor&sort=name&',
      '/prompts?category=cursor&deleted=true&',
      '/prompts/categories?',
      '/prompts/tags?',
      '/prompts/category/other?',
    ])
      await refused(`${path}cursor=${cursor}`)
    const stranger = await t.stranger()
    await refused(`/prompts?category=cursor&cursor=${cursor}`, stranger)
    expect((await stranger('GET', `/prompts/${id}/versions?cursor=${cursor}`)).status).toBe(400)
  })

  test('goes on with another page size', async () => {
    const cursor = await cursorOf('/prompts?category=cursor&limit=1')
    expect((await t.owner('GET', `/prompts?category=cursor&limit=100&cursor=${cursor}`)).status).toBe(200)
  })
})

test('includeTotal adds the number of all, by the filters and not by the page', async () => {
  for (let n = 0; n < 3; n++) await make('total')
  const page = (await t.owner('GET', '/prompts?category=total&limit=2&includeTotal=true')).body
  expect([page.items.length, page.total]).toEqual([2, 3])
  const next = (await t.owner('GET', `/prompts?category=total&limit=2&includeTotal=true&cursor=${page.nextCursor}`)).body
  expect([next.items.length, next.total, next.nextCursor]).toEqual([1, 3, null])
  expect((await t.owner('GET', '/prompts?category=total')).body).not.toHaveProperty('total')
  expect(
    endpointsOf(t)
      .filter(({ query }) => query?.properties.includeTotal)
      .map(({ name }) => name),
  ).toContain('prompts.versions')
})
