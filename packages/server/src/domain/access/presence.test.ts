import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { aKey, aMember, aRole, presenceIn } from './testing/rights-kit.ts'

const mine = '00000000-0000-7000-8000-000000000001'
const elsewhere = '01900000-0000-7000-8000-00000000000e'

let ahead = 0
let t: TestApp
beforeAll(async () => {
  t = await startTestApp({ clock: () => new Date(Date.now() + ahead).toISOString() })
})
afterAll(() => t.stop())

const findIn = async (one: TestApp, hasBootstrapKey: boolean, id: string, workspaceId: string) => {
  const { database, runtime } = one.app
  const there = { workspaceId, now: runtime.clock }
  return (await database.within('system', 'read', (db) => presenceIn(one, hasBootstrapKey)(db, [id], there))).get(id)
}
const find = (id: string, workspaceId = mine) => findIn(t, true, id, workspaceId)

test('a key is who it is, with the rights it has by now, until it is revoked or has ended', async () => {
  const { id: roleId, name: role } = await aRole(t, { permissions: ['prompts:read', 'prompts:write'], categories: ['c'] })
  const key = await aKey(t, { role, expiresAt: new Date(Date.now() + 3_600_000).toISOString() })
  const found = await find(`key:${key.id}`)
  expect(found).toMatchObject({ id: `key:${key.id}`, workspaceId: mine, roles: [role] })
  expect(found!.limits!.get('prompts:write')).toEqual([{ categories: ['c'] }])
  await t.owner('PUT', `/roles/${roleId}`, { permissions: ['prompts:read'] })
  expect([...(await find(`key:${key.id}`))!.permissions]).toEqual(['prompts:read'])
  expect(await find(`key:${key.id}`, elsewhere)).toBeUndefined()
  ahead = 7_200_000
  expect(await find(`key:${key.id}`)).toBeUndefined()
  ahead = 0
  await t.owner('DELETE', `/api-keys/${key.id}`)
  expect(await find(`key:${key.id}`)).toBeUndefined()
})

test('a person is who they are in a workspace as long as they are a member of it', async () => {
  const memberId = await aMember(t, 'editor')
  const [row] = await t.database.query<{ personId: string }>('select person_id as "personId" from member where id = $1', [memberId])
  const id = `user:${row!.personId}`
  const found = await find(id)
  expect([found!.id, found!.roles, found!.permissions.has('prompts:write'), found!.permissions.has('keys:write')]).toEqual([
    id,
    ['editor'],
    true,
    false,
  ])
  expect(await find(id, elsewhere)).toBeUndefined()
  expect((await t.owner('DELETE', `/members/${memberId}`)).status).toBe(204)
  expect(await find(id)).toBeUndefined()
})

test('the bootstrap key is known in its own workspace; nobody else is', async () => {
  expect((await find('bootstrap'))!.permissions.has('*')).toBe(true)
  for (const [id, workspaceId] of [
    ['bootstrap', elsewhere],
    ['open', mine],
    ['schedule', mine],
    ['key:nonsense', mine],
    ['user:nonsense', mine],
    ['ghost:01900000-0000-7000-8000-00000000000e', mine],
  ] as const)
    expect([id, await find(id, workspaceId)]).toEqual([id, undefined])
})

test('in open mode the local caller is who it is until the first key', async () => {
  const open = await startTestApp({ open: true })
  expect((await findIn(open, false, 'open', mine))!.permissions.has('*')).toBe(true)
  expect(await findIn(open, false, 'bootstrap', mine)).toBeUndefined()
  expect((await open.owner('POST', '/api-keys', { name: 'first', role: 'owner' })).status).toBe(201)
  expect(await findIn(open, false, 'open', mine)).toBeUndefined()
  await open.stop()
})
