import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { aKey, aKeyWith, patience } from '../access/testing/rights-kit.ts'
import { bulk, outcomesOf, over } from './testing/bulk-kit.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

const writing = ['prompts:read', 'prompts:write']
const create = async (fields: Record<string, unknown>): Promise<string> =>
  (await t.owner('POST', '/prompts', { content: 'x', ...fields })).body.id

test('who may write in one category alone does so item by item, as with single calls', async () => {
  const theirs = await aKeyWith(t, { permissions: writing, categories: ['theirs'] })
  const made = await bulk(theirs, 'POST', '/bulk/prompts', {
    items: [
      { content: 'a', category: 'theirs' },
      { content: 'b', category: 'others' },
    ],
  })
  expect(outcomesOf(made)).toEqual(['succeeded', 'auth.forbidden'])
  const id = made.body.items[0].promptId
  expect((await t.owner('GET', `/prompts/${id}`)).body.createdBy).toBe(`key:${theirs.id}`)
  const other = await create({ category: 'others' })
  expect(outcomesOf(await bulk(theirs, 'PUT', '/bulk/prompts/tags', { promptIds: [id, other], add: ['x'] }))).toEqual([
    'succeeded',
    'auth.forbidden',
  ])
  expect(outcomesOf(await bulk(theirs, 'DELETE', '/bulk/prompts', { promptIds: [other] }))).toEqual(['auth.forbidden'])
  const forced = await bulk(theirs, 'DELETE', '/bulk/prompts', { promptIds: [id], force: true })
  expect([outcomesOf(forced), forced.body.items[0].problem.permission]).toEqual([['auth.forbidden'], 'prompts:force'])
  const seen = await bulk(theirs, 'PUT', '/bulk/prompts/tags', { filter: {}, add: ['y'] })
  expect(seen.body.items.map(({ promptId }: { promptId: string }) => promptId)).toEqual([id])
})

test('who may read some categories alone is told of its own operations alone, and steers no others', async () => {
  const secret = await bulk(t.owner, 'PUT', '/bulk/prompts', {
    items: [{ id: await create({ category: 'secret' }), description: 'x' }, { id: 'x' }],
  })
  const limited = await aKeyWith(t, { permissions: writing, categories: ['elsewhere'] })
  const path = `/bulk/operations/${secret.body.id}`
  for (const address of [path, `${path}/items`, `${path}/items/export`, `${path}/events`])
    expect((await limited('GET', address)).status).toBe(404)
  expect((await limited('PUT', `${path}/cancel`)).body.code).toBe('bulk.operation_not_found')
  expect((await limited('POST', `${path}/retry`)).body.code).toBe('bulk.operation_not_found')
  expect((await limited('GET', '/bulk/operations?includeTotal=true')).body).toMatchObject({ items: [], total: 0 })
  const own = await bulk(limited, 'POST', '/bulk/prompts', { items: [{ content: 'x', category: 'elsewhere' }] })
  expect((await limited('GET', '/bulk/operations')).body.items.map(({ id }: { id: string }) => id)).toEqual([own.body.id])
  const free = await aKey(t, { scopes: ['prompts:read'] })
  expect((await free('GET', `${path}/items`)).body.items).toHaveLength(2)
})

test('a protected label is not given to new prompts by who may not move it, nor taken along to another category', async () => {
  await t.owner('PUT', '/labels/guarded', { protected: true, roles: ['owner'] })
  const editor = await aKey(t, { role: 'editor' })
  const made = await bulk(editor, 'POST', '/bulk/prompts', {
    items: [
      { content: 'a', category: 'guarded', labels: ['guarded'] },
      { content: 'b', category: 'guarded', labels: ['free'] },
    ],
  })
  expect(outcomesOf(made)).toEqual(['label.protected', 'succeeded'])
  const id = await create({ category: 'guarded', labels: ['guarded'] })
  expect(outcomesOf(await bulk(editor, 'PUT', '/bulk/prompts', { items: [{ id, category: 'free' }] }))).toEqual(['label.protected'])
  expect(outcomesOf(await bulk(editor, 'DELETE', '/bulk/prompts', { promptIds: [id] }))).toEqual(['prompt.in_use'])
})

test('the rights of the caller hold as they are when an item has its turn: a revoked key fails the rest', async () => {
  const key = await aKey(t, { role: 'editor' })
  const id = await create({ category: 'revoked' })
  const { body } = await key('PUT', '/bulk/prompts/tags', { promptIds: Array(1_000).fill(id), add: ['x'] })
  await expect
    .poll(async () => (await t.owner('GET', `/bulk/operations/${body.id}`)).body.progress.done, { interval: 10 })
    .toBeGreaterThan(0)
  await t.owner('DELETE', `/api-keys/${key.id}`)
  const done = await over(t.owner, body.id)
  const { succeeded, failed } = done.body.counts
  expect([done.body.status, succeeded + failed, succeeded > 0, failed > 0]).toEqual(['failed', 1_000, true, true])
  expect(done.body.error).toContain(`key:${key.id}`)
  const items = (await t.owner('GET', `/bulk/operations/${body.id}/items?outcome=failed&limit=1`)).body.items
  expect(items[0].problem).toMatchObject({ code: 'bulk.caller_gone', status: 403 })
  const again = await bulk(t.owner, 'POST', `/bulk/operations/${body.id}/retry`, undefined)
  expect(again.body).toMatchObject({ createdBy: 'bootstrap', counts: { succeeded: failed, failed: 0, skipped: 0 } })
}, 60_000)

test('a role that lost its permission refuses the rest, item by item', async () => {
  const role = (await t.owner('POST', '/roles', { name: 'narrowing', permissions: writing })).body
  const key = await aKey(t, { role: 'narrowing' })
  const id = await create({ category: 'narrowed' })
  const { body } = await key('PUT', '/bulk/prompts/tags', { promptIds: Array(1_000).fill(id), add: ['x'] })
  await expect
    .poll(async () => (await t.owner('GET', `/bulk/operations/${body.id}`)).body.progress.done, { interval: 10 })
    .toBeGreaterThan(0)
  await t.owner('PUT', `/roles/${role.id}`, { permissions: ['prompts:read'] })
  const done = await over(t.owner, body.id)
  expect([done.body.status, done.body.counts.failed > 0]).toEqual(['succeeded', true])
  const items = (await t.owner('GET', `/bulk/operations/${body.id}/items?outcome=failed&limit=1`)).body.items
  expect(items[0].problem).toMatchObject({ code: 'auth.forbidden', permission: 'prompts:write' })
  await expect.poll(async () => (await key('PUT', `/prompts/${id}`, { description: 'x' })).status, patience).toBe(403)
}, 60_000)

test('a redacted text takes along what is still kept to be done to its prompt', async () => {
  const id = await create({ category: 'redacted' })
  await t.owner('PUT', `/prompts/${id}/content`, { content: 'secret' })
  const failed = await bulk(t.owner, 'PUT', '/bulk/prompts', { items: [{ id, content: '{{#open}} secret', engine: 'mustache' }] })
  const kept = () => t.database.query('select payload is not null as kept from bulk_item where operation_id = $1', [failed.body.id])
  expect(await kept()).toEqual([{ kept: true }])
  await t.owner('PUT', `/prompts/${id}/content`, { content: 'clean' })
  const [one, two] = [await aKey(t, { role: 'owner' }), await aKey(t, { role: 'owner' })]
  const asked = await one('POST', `/prompts/${id}/versions/2/redact`, { reason: 'personal data' })
  expect(asked.status, asked.text).toBeLessThan(300)
  const confirmed = await two('POST', `/prompts/${id}/versions/2/redact`, { reason: 'personal data' })
  expect(confirmed.status, confirmed.text).toBeLessThan(300)
  expect(await kept()).toEqual([{ kept: false }])
  expect((await t.owner('POST', `/bulk/operations/${failed.body.id}/retry`)).body.code).toBe('bulk.nothing_to_retry')
})

test('another workspace sees none of it', async () => {
  const { body } = await bulk(t.owner, 'POST', '/bulk/prompts', { items: [{ content: 'x', category: 'mine' }] })
  const stranger = await t.stranger()
  expect((await stranger('GET', `/bulk/operations/${body.id}`)).status).toBe(404)
  expect((await stranger('GET', '/bulk/operations')).body.items).toEqual([])
})
