import { beforeAll, expect, test } from 'vitest'
import type { Principal } from '../../core/access.ts'
import type { Call, TestAnswer } from '../../testing/index.ts'
import { findPrompts } from '../prompts/index.ts'
import { aPrompt, sharedApp } from '../prompts/testing/prompt-kit.ts'
import { searchPrompts } from './queries/search.ts'
import { createVocabulary } from './queries/terms.ts'
import { find, indexed } from './testing/search-kit.ts'

const t = sharedApp()
let stranger: Call

beforeAll(async () => {
  stranger = await t().stranger()
  const { owner } = t()
  await aPrompt(owner, { name: 'merger', content: 'The confidential acquisition of Umbrella', category: 'secret', tags: ['hush'] })
  await aPrompt(owner, { name: 'menu', content: 'The canteen menu, no acquisition here', category: 'public' })
  await aPrompt(stranger, { name: 'other', content: 'Somebody else acquires things', category: 'public' })
  await indexed(owner)
  await indexed(stranger)
})

const everything = { facets: ['category', 'tag', 'status', 'author', 'isTemplate'], limit: 200 }
const texts = (answer: TestAnswer): string =>
  JSON.stringify([answer.body.items, answer.body.facets, answer.body.suggestions, answer.body.nextCursor])

test.each(['acquisition', 'confidential', 'confidentiel', 'umbrela', 'hush', 'merger', ''])(
  'another workspace learns nothing by searching for "%s"',
  async (query) => {
    for (const mode of ['keyword', 'hybrid']) {
      const answer = await find(stranger, query, { ...everything, mode })
      expect(answer.status).toBe(200)
      expect(texts(answer)).not.toMatch(/secret|hush|merger|mbrella|onfidential|menu/i)
    }
  },
)

/** Search as somebody whose reading is limited to categories: the endpoint's own work, with such a principal. */
async function asLimited(query: string, categories: string[]) {
  const actor: Principal = {
    id: 'limited',
    workspaceId: '00000000-0000-7000-8000-000000000001',
    permissions: new Set(['prompts:read']),
    limits: new Map([['prompts:read', [{ categories }]]]),
    instanceAdmin: false,
  }
  const ctx = t().app.runtime.contextFor(actor, { requestId: 'limited' })
  const parts = { meaning: undefined, vocabulary: createVocabulary(), neighbours: { find: findPrompts } }
  return searchPrompts({ query, mode: 'hybrid', ...everything } as never, parts, ctx)
}

test.each(['acquisition', 'confidential', 'confidentiel', 'umbrela', 'hush', 'merger', ''])(
  'a caller who may not see a category learns nothing of it by searching for "%s"',
  async (query) => {
    const { items, facets, suggestions } = await asLimited(query, ['public'])
    expect(JSON.stringify([items, facets, suggestions])).not.toMatch(/secret|hush|merger|mbrella|onfidential/i)
    for (const { category } of items) expect(category).toBe('public')
  },
)

test('and is shown what it may see', async () => {
  expect((await asLimited('acquisition', ['public'])).items.map(({ name }) => name)).toEqual(['menu'])
  expect((await asLimited('confidentiel', ['secret'])).suggestions).toEqual([{ query: 'confidential' }])
  expect((await asLimited('', [])).items).toEqual([])
})

test('a deleted prompt is gone from the answers at once, before the index has followed', async () => {
  const { owner } = t()
  const made = await aPrompt(owner, { name: 'ephemeral', content: 'mayfly' })
  await indexed(owner)
  expect((await find(owner, 'mayfly')).body.items).toHaveLength(1)
  await owner('DELETE', `/prompts/${made.id}`)
  expect((await find(owner, 'mayfly')).body.items).toEqual([])
})
