import { expect, test } from 'vitest'
import { sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { aKey, walked } from './testing/rights-kit.ts'

const app = sharedApp()

test('a workspace is made by an administrator of the installation, gets its first key from them, and is empty', async () => {
  const t = app()
  const made = await t.owner('POST', '/workspaces', { name: 'second' }, { 'idempotency-key': 'second' })
  expect([made.status, made.headers.get('location')]).toEqual([201, `/api/v1/workspaces/${made.body.id}`])
  expect(made.body).toMatchObject({ name: 'second', createdBy: 'bootstrap', updatedAt: null, revision: 1 })
  const again = await t.owner('POST', '/workspaces', { name: 'second' }, { 'idempotency-key': 'second' })
  expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([made.body, 'true'])
  await t.owner('POST', '/prompts', { content: 'elsewhere' })
  const owner = await aKey(t, { role: 'owner', workspaceId: made.body.id })
  expect((await owner('GET', '/prompts')).body.items).toEqual([])
  expect((await owner('GET', '/workspaces?includeTotal=true')).body).toEqual({ items: [made.body], nextCursor: null, total: 1 })
  expect(verdict(await owner('POST', '/workspaces', { name: 'third' }))).toEqual([403, 'auth.forbidden'])
  const told = await t.database.query('select workspace_id, type, actor from outbox where subject = $1', [made.body.id])
  expect(told).toEqual([{ workspace_id: made.body.id, type: 'workspace.created', actor: 'bootstrap' }])
})

test('one sees and renames their own workspace; an administrator of the installation any', async () => {
  const t = app()
  const { id } = (await t.owner('POST', '/workspaces', { name: 'before' })).body
  const owner = await aKey(t, { role: 'owner', workspaceId: id })
  const first = '00000000-0000-7000-8000-000000000001'
  expect(verdict(await owner('GET', `/workspaces/${first}`))).toEqual([404, 'workspace.not_found'])
  expect(verdict(await owner('PUT', `/workspaces/${first}`, { name: 'mine' }))).toEqual([404, 'workspace.not_found'])
  expect((await owner('PUT', `/workspaces/${id}`, { name: 'own' })).body).toMatchObject({ name: 'own', revision: 2 })
  expect((await t.owner('PUT', `/workspaces/${id}`, { name: 'given' }, { 'if-match': '"2"' })).body).toMatchObject({
    name: 'given',
    revision: 3,
  })
  expect(verdict(await t.owner('PUT', `/workspaces/${id}`, { name: 'late' }, { 'if-match': '"2"' }))).toEqual([412, 'precondition.failed'])
  expect((await owner('GET', `/workspaces/${id}`)).body).toMatchObject({ name: 'given', revision: 3 })
  expect(verdict(await t.owner('PUT', '/workspaces/01900000-0000-7000-8000-000000000000', { name: 'x' }))).toEqual([
    404,
    'workspace.not_found',
  ])
  const events = await t.database.query<{ workspace_id: string }>(`select workspace_id from outbox where type = 'workspace.updated'`)
  expect(events.map((row) => row.workspace_id)).toEqual([id, id])
})

test('a list of workspaces pages, each once', async () => {
  const { owner } = app()
  const seen = await walked(owner, '/workspaces?limit=1')
  expect(seen).toEqual((await owner('GET', '/workspaces?limit=200')).body.items.map(({ id }: { id: string }) => id))
  expect(seen.length).toBeGreaterThan(1)
})

test('what follows in the same transaction after a visit is of the own workspace again', async () => {
  const t = app()
  const { id } = (await t.owner('POST', '/workspaces', { name: 'visited' })).body
  await aKey(t, { role: 'viewer', workspaceId: id })
  const rows = await t.database.query<{ n: number }>('select count(*)::int as n from api_key where workspace_id = $1', [id])
  expect(rows).toEqual([{ n: 1 }])
  expect((await t.owner('GET', '/api-keys')).body.items.every(({ workspaceId }: { workspaceId: string }) => workspaceId !== id)).toBe(true)
})
