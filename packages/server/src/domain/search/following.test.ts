import { sql } from 'kysely'
import { describe, expect, test, vi } from 'vitest'
import { parseCommand, run } from '../../admin/commands.ts'
import type { Db } from '../../core/db.ts'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { findPrompts, promptKeys, searchSources } from '../prompts/index.ts'
import { aPrompt, aVersion, sharedApp } from '../prompts/testing/prompt-kit.ts'
import { indexPass } from './jobs/index-pass.ts'
import { find, indexed, names } from './testing/search-kit.ts'

const t = sharedApp()
const patience = { timeout: 60_000, interval: 50 }

describe('the index follows', () => {
  test('a new prompt, a new version, a rename, a move, a deletion and a restore', async () => {
    const { owner } = t()
    const prompt = await aPrompt(owner, { name: 'follower', content: 'aardvark', category: 'zoo' })
    await indexed(owner)
    expect(await names(owner, 'aardvark')).toEqual(['follower'])
    await aVersion(owner, prompt, 'badger')
    await indexed(owner)
    expect([await names(owner, 'aardvark'), await names(owner, 'badger')]).toEqual([[], ['follower']])
    await owner('PUT', `/prompts/${prompt.id}`, { name: 'chinchilla', category: 'farm' })
    await indexed(owner)
    expect([await names(owner, 'chinchilla', { filters: { category: 'farm' } }), await names(owner, 'follower')]).toEqual([
      ['chinchilla'],
      [],
    ])
    await owner('PUT', `/prompts/${prompt.id}/labels/staging`, { version: 1 })
    await indexed(owner)
    expect(await names(owner, 'badger', { filters: { label: 'staging' } })).toEqual(['chinchilla'])
    await owner('DELETE', `/prompts/${prompt.id}`)
    await indexed(owner)
    expect(await names(owner, 'badger')).toEqual([])
    await owner('POST', `/prompts/${prompt.id}/restore`)
    await indexed(owner)
    expect(await names(owner, 'badger')).toEqual(['chinchilla'])
  })

  test('within a second or so, without a token', async () => {
    await aPrompt(t().owner, { name: 'quick', content: 'dromedary' })
    await vi.waitFor(async () => expect(await names(t().owner, 'dromedary')).toEqual(['quick']), patience)
  })

  test('the token of a write shows that write, on another instance too', async () => {
    const there = await startTestApp({ database: t().database })
    try {
      for (let n = 0; n < 5; n++) {
        const made = await t().owner('POST', '/prompts', { name: `token ${n}`, content: `echidna${n}` })
        const answer = await find(there.owner, `echidna${n}`, {}, made.headers.get('x-consistency-token')!)
        expect([answer.body.items.map(({ name }: { name: string }) => name), answer.body.warnings]).toEqual([[`token ${n}`], []])
      }
    } finally {
      await there.stop()
    }
  })

  test('what a redaction removes leaves words and vectors at once, whether an encoder runs or not', async () => {
    const { owner, database } = t()
    const prompt = await aPrompt(owner, { name: 'secretive', content: 'quokka', labels: [] })
    await aVersion(owner, prompt, 'numbat')
    await indexed(owner)
    await database.query(
      `insert into search_vector select workspace_id, prompt_id, 'm', 1, '\\x01' from search_document where prompt_id = $1`,
      [prompt.id],
    )
    for (const call of [owner, await t().as('prompts:redact')])
      await call('POST', `/prompts/${prompt.id}/versions/2/redact`, { reason: 'Private' })
    await indexed(owner)
    expect(await database.query(`select term from search_term where term in ('quokka', 'numbat')`)).toEqual([])
    expect(await database.query(`select length(vector) as bytes from search_vector where prompt_id = $1`, [prompt.id])).toEqual([
      { bytes: 0 },
    ])
  })

  test('counts of words stay what the documents say', async () => {
    await indexed(t().owner)
    const wrong = await t().database.query(
      `select term, documents, n from search_term t left join (
         select workspace_id, unnest(terms) as id, count(*)::int as n from search_document group by 1, 2) d using (workspace_id, id)
       where documents <> coalesce(n, 0)`,
    )
    expect(wrong).toEqual([])
    const [total] = await t().database.query<{ same: boolean }>(
      'select (select sum(documents) from search_statistics) = (select count(*) from search_document) as same',
    )
    expect(total).toEqual({ same: true })
  })
})

const neighbours = { sources: searchSources, keys: promptKeys, find: findPrompts }
const within = <T>({ app }: TestApp, work: (db: Db) => Promise<T>): Promise<T> => app.database.within('system', 'write', work)

describe('on a bad day', () => {
  test('a pass that is broken off leaves position and documents as they were, and is made up for', async () => {
    const { owner, database } = t()
    await indexed(owner)
    const dies = { ...neighbours, sources: () => Promise.reject(new Error('killed in the middle')) }
    const position = async () => (await database.query('select position from search_progress'))[0]
    const before = await position()
    const broken = within(t(), async (db) => {
      await sql`update search_progress set position = position - 3`.execute(db) // in one transaction: the background is quick to make it up
      await indexPass(db, dies)
    })
    await expect(broken).rejects.toThrow('killed')
    expect(await position()).toEqual(before)
    await aPrompt(owner, { name: 'survivor', content: 'fennec' })
    await vi.waitFor(async () => expect(await names(owner, 'fennec')).toEqual(['survivor']), patience)
  })

  test('one indexer at a time: another one leaves it alone', () =>
    within(t(), async (db) => {
      await db.selectFrom('searchProgress').selectAll().forUpdate().execute()
      expect(await within(t(), (other) => indexPass(other, neighbours))).toBeUndefined()
    }))

  test('prompts from before the upgrade are taken in, and a rebuild makes everything anew', async () => {
    const { owner, database } = t()
    await aPrompt(owner, { name: 'old', content: 'gecko' })
    await indexed(owner)
    await database.query('truncate search_document, search_term, search_statistics, search_vector_due')
    await run(parseCommand(['search', 'rebuild']), database.url, { result: () => undefined, note: () => undefined })
    await vi.waitFor(async () => expect(await names(owner, 'gecko')).toEqual(['old']), patience)
  })
})
