import { beforeEach, describe, expect, test } from 'vitest'
import { type Call, startTestApp } from '../../testing/index.ts'
import { aPrompt, aVersion, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { aKey, aKeyWith, aRole, walked } from './testing/rights-kit.ts'

const app = sharedApp()
const refused = [403, 'label.protected']
const protect = async (label: string, rule: object): Promise<void> =>
  expect(verdict(await app().owner('PUT', `/labels/${label}`, rule))).toEqual([200])

let editor: Call
let publisher: Call
beforeEach(async () => {
  editor ??= await aKey(app(), { role: 'editor' })
  publisher ??= await aKey(app(), { role: 'publisher' })
})

describe('a protected label', () => {
  test('is moved by who has labels:write_protected alone: set, revert, delete, rollback', async () => {
    const prompt = await aPrompt(editor, { labels: ['live', 'free'] })
    await aVersion(editor, prompt, 'two')
    await protect('live', { protected: true })
    const at = `/prompts/${prompt.id}`
    const moves: [string, string, object | undefined, number][] = [
      ['PUT', `${at}/labels/live`, { version: 2 }, 200],
      ['POST', `${at}/labels/live/revert`, {}, 200],
      ['POST', `${at}/versions/1/rollback`, { labels: ['free', 'live'] }, 201],
      ['DELETE', `${at}/labels/live`, undefined, 204],
    ]
    for (const [method, path, body, done] of moves) {
      const before = (await editor('GET', at)).body
      const answer = await editor(method, path, body)
      expect([path, verdict(answer), answer.body.label]).toEqual([path, refused, 'live'])
      expect((await editor('GET', at)).body).toEqual(before)
      expect([path, verdict(await publisher(method, path, body))]).toEqual([path, [done]])
    }
    expect(verdict(await editor('PUT', `${at}/labels/free`, { version: 1 }))).toEqual([200])
    expect(verdict(await editor('POST', `${at}/versions/1/rollback`, {}))).toEqual([201])
    await protect('live', { protected: false })
    expect(verdict(await editor('PUT', `${at}/labels/live`, { version: 1 }))).toEqual([200])
  })

  test('with roles is moved by who has one of them, whatever else they may', async () => {
    const t = app()
    const role = await aRole(t, { permissions: ['prompts:read', 'labels:write'] })
    const member = await aKey(t, { role: role.name })
    const { id } = await aPrompt(editor)
    await protect('gold', { protected: true, roles: [role.name, 'owner'] })
    expect(verdict(await member('PUT', `/prompts/${id}/labels/gold`, { version: 1 }))).toEqual([200])
    expect(verdict(await publisher('DELETE', `/prompts/${id}/labels/gold`))).toEqual(refused)
    const scoped = await aKey(t, { scopes: ['*'] })
    expect(verdict(await scoped('DELETE', `/prompts/${id}/labels/gold`))).toEqual(refused)
    expect(verdict(await t.owner('DELETE', `/prompts/${id}/labels/gold`))).toEqual([204])
  })

  test('with categories is protected there alone, and no prompt is carried out of them to move it', async () => {
    await protect('cat', { protected: true, categories: ['guarded'] })
    const [inside, outside] = [
      await aPrompt(publisher, { category: 'guarded', labels: ['cat'] }),
      await aPrompt(editor, { category: 'open', labels: ['cat'] }),
    ]
    expect(verdict(await editor('DELETE', `/prompts/${inside.id}/labels/cat`))).toEqual(refused)
    expect(verdict(await editor('PUT', `/prompts/${inside.id}`, { category: 'open' }))).toEqual(refused)
    expect(verdict(await editor('PUT', `/prompts/${outside.id}`, { category: 'guarded' }))).toEqual(refused)
    expect(verdict(await editor('PUT', `/prompts/${inside.id}`, { description: 'stays' }))).toEqual([200])
    expect(verdict(await publisher('PUT', `/prompts/${inside.id}`, { category: 'open' }))).toEqual([200])
    expect(verdict(await editor('DELETE', `/prompts/${inside.id}/labels/cat`))).toEqual([204])
  })

  test('is not given to a first version by itself, and to who asks for it only if they may', async () => {
    await protect('production', { protected: true, categories: ['first'] })
    const create = (by: Call, more: object) => by('POST', '/prompts', { content: 'c', category: 'first', ...more })
    expect((await create(editor, {})).body.labels).toEqual({})
    expect((await create(publisher, {})).body.labels).toEqual({})
    expect((await editor('POST', '/prompts', { content: 'c' })).body.labels).toEqual({ production: 1 })
    expect(verdict(await create(editor, { labels: ['staging', 'production'] }))).toEqual(refused)
    expect((await create(publisher, { labels: ['production'] })).body.labels).toEqual({ production: 1 })
    const elsewhere = await aPrompt(editor)
    const fork = await editor('POST', `/prompts/${elsewhere.id}/fork`, { name: 'fork', category: 'first' })
    expect([fork.status, fork.body.labels]).toEqual([201, {}])
    expect(
      verdict(await editor('POST', `/prompts/${elsewhere.id}/fork`, { name: 'g', category: 'first', changes: { labels: ['production'] } })),
    ).toEqual(refused)
  })

  test('keeps its prompt from being deleted, unless by force and with the permission', async () => {
    await protect('kept', { protected: true })
    const { id } = await aPrompt(publisher, { labels: ['kept'] })
    for (const by of [editor, publisher]) expect(verdict(await by('DELETE', `/prompts/${id}`))).toEqual([409, 'prompt.in_use'])
    expect(verdict(await editor('DELETE', `/prompts/${id}?force=true`))).toEqual([403, 'auth.forbidden'])
    expect(verdict(await publisher('DELETE', `/prompts/${id}?force=true`))).toEqual([204])
  })

  test('holds from the moment its rule is committed, for who moves at the same time', async () => {
    const { id } = await aPrompt(editor, { labels: ['raced'] })
    await aVersion(editor, { id }, 'two')
    await protect('raced', { protected: false })
    const [rule, ...moves] = await Promise.all([
      app().owner('PUT', '/labels/raced', { protected: true }),
      ...Array.from({ length: 8 }, (_, n) => editor('PUT', `/prompts/${id}/labels/raced`, { version: 1 + (n % 2) })),
    ])
    expect(rule.status).toBe(200)
    expect(moves.every(({ status }) => status === 200 || status === 403)).toBe(true)
    expect(verdict(await editor('PUT', `/prompts/${id}/labels/raced`, { version: 2 }))).toEqual(refused)
  })
})

describe('the rules of labels', () => {
  test('are listed with the labels in use, by name, in pages', async () => {
    const { owner } = app()
    await aPrompt(editor, { labels: ['a-used', 'zz-used'] })
    await protect('b-ruled', { protected: true, roles: ['owner'] })
    const all = (await owner('GET', '/labels?limit=200')).body.items
    const names = all.map(({ label }: { label: string }) => label)
    expect([names, new Set(names).size]).toEqual([[...names].sort(), names.length])
    expect(all.find(({ label }: { label: string }) => label === 'a-used')).toEqual({
      label: 'a-used',
      protected: false,
      roles: null,
      categories: null,
      updatedBy: null,
      updatedAt: null,
      revision: 0,
    })
    expect(all.find(({ label }: { label: string }) => label === 'b-ruled')).toMatchObject({
      protected: true,
      roles: ['owner'],
      updatedBy: 'bootstrap',
      revision: 1,
    })
    const seen = await walked(owner, '/labels?limit=2', 'label')
    expect(seen).toEqual(names)
  })

  test('merge: absent stays, null clears, If-Match is honoured, and nothing changed is told to nobody', async () => {
    const { owner, database } = app()
    await protect('merged', { protected: true, roles: ['owner'], categories: ['x'] })
    expect((await owner('PUT', '/labels/merged', { roles: null }, { 'if-match': '"1"' })).body).toMatchObject({
      protected: true,
      roles: null,
      categories: ['x'],
      revision: 2,
    })
    expect(verdict(await owner('PUT', '/labels/merged', { protected: false }, { 'if-match': '"1"' }))).toEqual([412, 'precondition.failed'])
    expect((await owner('PUT', '/labels/merged', { categories: ['x'] })).body.revision).toBe(2)
    const told = await database.query(`select 1 from outbox where type = 'label_rule.changed' and subject = 'merged'`)
    expect(told.length).toBe(2)
  })

  test('name roles that exist, and no label that cannot be set', async () => {
    const { owner } = app()
    const answer = await owner('PUT', '/labels/production', { roles: ['owner', 'nobody'] })
    expect([verdict(answer), answer.body.errors[0].pointer]).toEqual([[422, 'role.unknown'], '/roles/1'])
    for (const label of ['latest', 'Upper', '%20']) expect((await owner('PUT', `/labels/${label}`, { protected: true })).status).toBe(404)
    const manager = await aKeyWith(app(), { permissions: ['labels:write', 'labels:write_protected', 'labels:read'] })
    expect(verdict(await manager('PUT', '/labels/production', { protected: false }))).toEqual([403, 'auth.forbidden'])
  })
})

test('a rule that is made on one instance counts on the other within a second, though it has moved that label before', async () => {
  const two = await startTestApp({ database: app().database })
  try {
    const there = await two.as('prompts:read', 'prompts:write', 'labels:write')
    const prompt = await aPrompt(there, { labels: ['shared'] })
    await aVersion(there, prompt, 'two')
    const move = async () => verdict(await there('PUT', `/prompts/${prompt.id}/labels/shared`, { version: 2 }))
    expect(await move()).toEqual([200])
    await protect('shared', { protected: true })
    await expect.poll(move).toEqual(refused)
    await protect('shared', { protected: false })
    await expect.poll(move).toEqual([200])
  } finally {
    await two.stop()
  }
})
