import { expect, test } from 'vitest'
import { aPrompt, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { aKey, aKeyWith, aMember, aRole } from './testing/rights-kit.ts'

const app = sharedApp()
const ask = async (question: object) => (await app().owner('POST', '/access/explain', question)).body

test('says for a key with a role which role and which limit say so, and check says the same', async () => {
  const t = app()
  const role = await aRole(t, { permissions: ['prompts:read', 'labels:write'], categories: ['a'], labels: ['staging'] })
  const { id: principal } = await aKey(t, { role: role.name })
  const base = { principal, permission: 'labels:write' }
  const binding = { kind: 'role', role: role.name, permissions: ['prompts:read', 'labels:write'], categories: ['a'], labels: ['staging'] }
  const cases: [object, boolean, string[]][] = [
    [base, true, []],
    [{ ...base, category: 'a', label: 'staging' }, true, []],
    [{ ...base, category: 'b', label: 'staging' }, false, ['category']],
    [{ ...base, category: 'a', label: 'production' }, false, ['label']],
    [{ ...base, category: 'b', label: 'production' }, false, ['category', 'label']],
    [{ principal, permission: 'prompts:read', category: 'a', label: null }, false, ['label']],
    [{ principal, permission: 'prompts:write', category: 'a' }, false, ['permission']],
  ]
  for (const [question, allowed, missing] of cases) {
    const answer = await ask(question)
    expect([question, answer.allowed, answer.missing, answer.binding]).toEqual([question, allowed, missing, binding])
    expect(answer.reason).toContain(`The role "${role.name}"`)
    expect((await t.owner('POST', '/access/check', question)).body).toEqual({ allowed })
  }
})

test('decides as the call itself does, for a prompt by its id', async () => {
  const t = app()
  const key = await aKeyWith(t, { permissions: ['prompts:write'], categories: ['mine'] })
  for (const category of ['mine', 'theirs']) {
    const { id: promptId } = await aPrompt(t.owner, { category })
    const { allowed } = await ask({ principal: key.id, permission: 'prompts:write', promptId })
    expect([category, allowed, (await key('PUT', `/prompts/${promptId}`, { description: 'd' })).status]).toEqual(
      category === 'mine' ? [category, true, 200] : [category, false, 403],
    )
  }
  const nothing = await t.owner('POST', '/access/check', { permission: 'prompts:read', promptId: '01900000-0000-7000-8000-000000000000' })
  expect(verdict(nothing)).toEqual([404, 'access.prompt_not_found'])
})

test('knows scopes, members, the caller, and who is no more', async () => {
  const t = app()
  const key = await aKey(t, { scopes: ['prompts:read', 'access:read'] })
  expect(await ask({ principal: `key:${key.id}`, permission: 'prompts:write' })).toMatchObject({
    allowed: false,
    missing: ['permission'],
    reason: 'Its scopes do not give "prompts:write".',
    binding: { kind: 'scopes', role: null },
  })
  expect((await key('POST', '/access/explain', { permission: 'prompts:read' })).body).toMatchObject({
    allowed: true,
    principal: `key:${key.id}`,
  })
  expect(await ask({ permission: 'audit:read' })).toMatchObject({
    allowed: true,
    principal: 'bootstrap',
    binding: { kind: 'installation' },
  })
  const member = await aMember(t, 'reviewer')
  expect(await ask({ principal: member, permission: 'lifecycle:write' })).toMatchObject({
    allowed: true,
    binding: { kind: 'role', role: 'reviewer' },
  })
  const { personId } = (await t.owner('GET', `/members/${member}`)).body
  expect((await ask({ principal: `user:${personId}`, permission: 'prompts:write' })).missing).toEqual(['permission'])
  await t.owner('DELETE', `/api-keys/${key.id}`)
  expect(await ask({ principal: key.id, permission: 'prompts:read' })).toMatchObject({
    allowed: false,
    missing: ['principal'],
    reason: 'The key is revoked.',
  })
  const gone = await aMember(t, 'a role that is no more')
  expect((await ask({ principal: gone, permission: 'prompts:read' })).allowed).toBe(false)
})

test('knows that a protected label stands in the way', async () => {
  const t = app()
  await t.owner('PUT', '/labels/gold', { protected: true, roles: ['publisher'], categories: ['shop'] })
  const editor = await aKey(t, { role: 'editor' })
  const question = { principal: editor.id, permission: 'labels:write', label: 'gold' }
  expect(await ask({ ...question, category: 'shop' })).toMatchObject({ allowed: false, missing: ['protection'] })
  expect((await ask({ ...question, category: 'other' })).allowed).toBe(true)
  const publisher = await aKey(t, { role: 'publisher' })
  expect((await ask({ ...question, principal: publisher.id, category: 'shop' })).allowed).toBe(true)
})

test('refuses to guess: an unknown permission is 422, an unknown principal 404, also one of another workspace', async () => {
  const t = app()
  const other = await t.stranger()
  const theirs = (await other('GET', '/api-keys')).body.items[0].id
  for (const path of ['/access/check', '/access/explain']) {
    expect(verdict(await t.owner('POST', path, { permission: 'prompts:fly' }))).toEqual([422, 'permission.unknown'])
    for (const principal of [theirs, 'nobody', '01900000-0000-7000-8000-000000000000'])
      expect(verdict(await t.owner('POST', path, { permission: 'prompts:read', principal }))).toEqual([404, 'principal.not_found'])
  }
})
