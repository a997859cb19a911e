import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createOfflineEncoder, type OfflineEncoder } from '../../infrastructure/embeddings/offline.ts'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { aPrompt, verdict } from '../prompts/testing/prompt-kit.ts'
import { find, indexed, names } from './testing/search-kit.ts'

const patience = { timeout: 60_000, interval: 100 }
let encoder: OfflineEncoder
let t: TestApp

const due = async () => (await t.database.query('select 1 from search_vector_due')).length
beforeAll(async () => {
  encoder = createOfflineEncoder()
  t = await startTestApp({ embeddings: encoder })
  await aPrompt(t.owner, { name: 'vet', content: 'Advise people about the health of their dog or cat.' })
  await aPrompt(t.owner, { name: 'law', content: 'Explain contracts and court rulings to a client.' })
  await aPrompt(t.owner, { name: 'kitchen', content: 'Propose a dinner recipe with vegetables.', category: 'food' })
  await indexed(t.owner)
  await vi.waitFor(async () => expect(await due()).toBe(0), patience)
})
afterAll(() => t.stop())

const codes = ({ body }: { body: { warnings: { code: string }[] } }) => body.warnings.map(({ code }) => code)

describe('searching by meaning', () => {
  test('finds what no word says', async () => {
    expect(await names(t.owner, 'medicine for animals')).toEqual([])
    expect((await names(t.owner, 'medicine for animals', { mode: 'semantic' }))[0]).toBe('vet')
    expect((await names(t.owner, 'lawyer', { mode: 'hybrid' }))[0]).toBe('law')
  })

  test('heeds the filters', async () =>
    expect(await names(t.owner, 'medicine for animals', { mode: 'semantic', filters: { category: 'food' } })).toEqual(['kitchen']))

  test('counts facets, pages, and says how it was done', async () => {
    const { body } = await find(t.owner, 'cooking', { mode: 'hybrid', facets: ['category'], limit: 1 })
    expect([body.mode, body.items[0].name, body.items.length]).toEqual(['hybrid', 'kitchen', 1])
    const next = await find(t.owner, 'cooking', { mode: 'hybrid', limit: 1, cursor: body.nextCursor })
    expect(next.body.items[0].name).not.toBe('kitchen')
  })

  test('a prompt that is changed or deleted is so here as well', async () => {
    const made = await aPrompt(t.owner, { name: 'shifting', content: 'Repair bicycles and their brakes.' })
    await indexed(t.owner)
    await vi.waitFor(async () => expect((await names(t.owner, 'mending bikes', { mode: 'semantic' }))[0]).toBe('shifting'), patience)
    await t.owner('PUT', `/prompts/${made.id}/content`, { content: 'Plan a holiday at the beach.' })
    await vi.waitFor(async () => expect((await names(t.owner, 'vacation by the sea', { mode: 'semantic' }))[0]).toBe('shifting'), patience)
    await t.owner('DELETE', `/prompts/${made.id}`)
    await indexed(t.owner)
    expect(await names(t.owner, 'vacation by the sea', { mode: 'semantic' })).not.toContain('shifting')
    const [row] = await t.database.query<{ length: number }>('select length(vector) from search_vector where prompt_id = $1', [made.id])
    expect(row).toEqual({ length: 0 })
  })

  test('the worker killed: words go on, and it is back for the next search', async () => {
    await names(t.owner, 'warm up', { mode: 'semantic' })
    const before = encoder.thread()!
    const searching = find(t.owner, 'a question never asked', { mode: 'hybrid' })
    const killing = vi.waitFor(() => encoder.thread()!.terminate(), patience)
    const [answer] = await Promise.all([searching, killing])
    expect(answer.status).toBe(200)
    expect((await names(t.owner, 'medicine for pets', { mode: 'semantic' }))[0]).toBe('vet')
    expect(encoder.thread()).not.toBe(before)
  })

  test('vectors of another encoder, or of other dimensions, are made again', async () => {
    await t.database.query(`update search_vector set model = 'another', dimensions = 3, vector = '\\x010203' where vector <> ''`)
    const next = await startTestApp({ database: t.database, embeddings: createOfflineEncoder() })
    try {
      await vi.waitFor(async () => expect((await names(next.owner, 'medicine for animals', { mode: 'semantic' }))[0]).toBe('vet'), patience)
      expect(await t.database.query(`select 1 from search_vector where model = 'another' and vector <> ''`)).toEqual([])
    } finally {
      await next.stop()
    }
  })
})

describe('without an encoder', () => {
  test.each([
    ['off', 'off' as const, 'encoder.off'],
    ['broken', createOfflineEncoder(new URL('file:///nowhere/worker.ts')), 'encoder.unavailable'],
    ['unreachable', { url: 'http://127.0.0.1:9/v1', model: 'm' }, 'encoder.unavailable'],
  ])('%s: keyword goes on, hybrid says that it is words alone, semantic is 503', async (_what, embeddings, code) => {
    const bare = await startTestApp({ embeddings })
    try {
      await aPrompt(bare.owner, { name: 'plain', content: 'giraffe' })
      await indexed(bare.owner)
      expect(await names(bare.owner, 'giraffe')).toEqual(['plain'])
      const hybrid = await find(bare.owner, 'giraffe', { mode: 'hybrid' })
      expect([hybrid.body.mode, hybrid.body.items.length, codes(hybrid as never)]).toEqual(['keyword', 1, [code]])
      const semantic = await find(bare.owner, 'giraffe', { mode: 'semantic' })
      expect(verdict(semantic)).toEqual([503, 'search.encoder_unavailable'])
      expect(semantic.headers.get('retry-after')).toBe(embeddings === 'off' ? null : '5')
    } finally {
      await bare.stop()
    }
  })
})
