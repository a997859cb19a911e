import { describe, expect, test } from 'vitest'
import { aPrompt, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { builtInRoles, permissions } from './model/roles.ts'
import { aKey, aKeyWith, aRole, walked } from './testing/rights-kit.ts'

const app = sharedApp()

describe('built-in roles', () => {
  test('are listed first, in every workspace, and hold known permissions', async () => {
    const { items } = (await app().owner('GET', '/roles')).body
    const builtIn = items.slice(0, 8)
    expect(builtIn.map(({ id }: { id: string }) => id)).toEqual(Object.keys(builtInRoles))
    for (const role of builtIn) {
      expect(role).toMatchObject({ builtIn: true, name: role.id, categories: null, labels: null })
      expect(role.permissions.filter((one: string) => one !== '*' && !permissions.includes(one))).toEqual([])
    }
    expect((await app().owner('GET', '/roles/auditor')).body).toEqual(builtIn.find(({ id }: { id: string }) => id === 'auditor'))
  })

  test('cannot be changed, removed, or made a second time', async () => {
    const { owner } = app()
    expect(verdict(await owner('PUT', '/roles/viewer', { description: 'x' }))).toEqual([409, 'role.built_in'])
    expect(verdict(await owner('DELETE', '/roles/owner'))).toEqual([409, 'role.built_in'])
    expect(verdict(await owner('POST', '/roles', { name: 'admin', permissions: [] }))).toEqual([409, 'role.name_taken'])
  })
})

describe('a role of the workspace', () => {
  test('is made, read, changed with If-Match, and removed', async () => {
    const { owner } = app()
    const made = await owner('POST', '/roles', { name: 'translator', permissions: ['prompts:read', 'prompts:read'], categories: ['mail'] })
    expect([made.status, made.headers.get('etag'), made.headers.get('location')]).toEqual([201, '"1"', `/api/v1/roles/${made.body.id}`])
    expect(made.body).toMatchObject({
      permissions: ['prompts:read'],
      categories: ['mail'],
      labels: null,
      builtIn: false,
      createdBy: 'bootstrap',
    })
    expect((await owner('GET', `/roles/${made.body.id}`)).body).toEqual(made.body)
    const changed = await owner('PUT', `/roles/${made.body.id}`, { categories: null, description: 'all' }, { 'if-match': '"1"' })
    expect(changed.body).toMatchObject({ categories: null, description: 'all', revision: 2 })
    expect(verdict(await owner('PUT', `/roles/${made.body.id}`, { description: 'late' }, { 'if-match': '"1"' }))).toEqual([
      412,
      'precondition.failed',
    ])
    expect((await owner('PUT', `/roles/${made.body.id}`, { description: 'all' })).body.revision).toBe(2)
    expect(verdict(await owner('DELETE', `/roles/${made.body.id}`))).toEqual([204])
    expect(verdict(await owner('GET', `/roles/${made.body.id}`))).toEqual([404, 'role.not_found'])
  })

  test('names known permissions only, and not all of them by *', async () => {
    const { owner } = app()
    for (const wrong of ['prompts:fly', '*', 'constructor']) {
      const answer = await owner('POST', '/roles', { name: 'wrong', permissions: ['prompts:read', wrong] })
      expect([verdict(answer), answer.body.errors[0].pointer]).toEqual([[422, 'permission.unknown'], '/permissions/1'])
    }
  })

  test('gives nothing that its maker lacks, by permission or by place, and cannot be widened beyond either', async () => {
    const t = app()
    const rights = ['roles:write', 'roles:read', 'prompts:read', 'prompts:write']
    const maker = await aKeyWith(t, { permissions: rights, categories: ['a', 'b'] })
    const make = (permissions: string[], limit: object) => maker('POST', '/roles', { name: `r ${Math.random()}`, permissions, ...limit })
    expect(verdict(await make(['prompts:read'], { categories: ['a'] }))).toEqual([201])
    expect(verdict(await make(['prompts:read'], { categories: ['a', 'b'], labels: ['staging'] }))).toEqual([201])
    expect(verdict(await make(['prompts:read'], { categories: ['a', 'c'] }))).toEqual([403, 'auth.rights_exceeded'])
    expect(verdict(await make(['prompts:read'], {}))).toEqual([403, 'auth.rights_exceeded'])
    expect((await make(['labels:write', 'prompts:read'], { categories: ['a'] })).body).toMatchObject({
      code: 'auth.rights_exceeded',
      missing: ['labels:write'],
    })
    const role = await aRole(t, { permissions: ['prompts:read'], categories: ['a'] }, maker)
    for (const change of [{ categories: null }, { categories: ['c'] }, { permissions: ['keys:write'] }])
      expect(verdict(await maker('PUT', `/roles/${role.id}`, change))).toEqual([403, 'auth.rights_exceeded'])
    expect(verdict(await maker('PUT', `/roles/${role.id}`, { permissions: [] }))).toEqual([200])
  })

  test('follows its holders when it is renamed, and its changes count at once', async () => {
    const t = app()
    const role = await aRole(t, { permissions: ['prompts:read'] })
    const key = await aKey(t, { role: role.name })
    await t.owner('PUT', '/labels/renamed', { protected: true, roles: [role.name] })
    expect(verdict(await key('POST', '/prompts', { content: 'c' }))).toEqual([403, 'auth.forbidden'])
    expect(verdict(await t.owner('PUT', `/roles/${role.id}`, { name: 'after', permissions: ['prompts:read', 'prompts:write'] }))).toEqual([
      200,
    ])
    expect(verdict(await key('POST', '/prompts', { content: 'c' }))).toEqual([201])
    const labels = (await t.owner('GET', '/labels')).body.items
    expect(labels.find(({ label }: { label: string }) => label === 'renamed').roles).toEqual(['after'])
    expect((await t.owner('GET', '/api-keys')).body.items.find(({ id }: { id: string }) => id === key.id).role).toBe('after')
  })

  test('that was removed does not come back by its name, as long as somebody carries that', async () => {
    const t = app()
    const role = await aRole(t, { permissions: ['prompts:read'] })
    const key = await aKey(t, { role: role.name })
    await t.owner('DELETE', `/roles/${role.id}`)
    expect(verdict(await key('GET', '/prompts'))).toEqual([403, 'auth.forbidden'])
    const again = () => t.owner('POST', '/roles', { name: role.name, permissions: ['prompts:read'] })
    expect(verdict(await again())).toEqual([409, 'role.name_taken'])
    const other = await aRole(t, { permissions: [] })
    expect(verdict(await t.owner('PUT', `/roles/${other.id}`, { name: role.name }))).toEqual([409, 'role.name_taken'])
    await t.owner('DELETE', `/api-keys/${key.id}`)
    expect(verdict(await again())).toEqual([201])
  })

  test('is made once, however many ask for its name at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => app().owner('POST', '/roles', { name: 'at once', permissions: [] })))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409])
  })

  test('pages after the built-in ones, each once', async () => {
    const { owner } = app()
    const seen = await walked(owner, '/roles?limit=3&includeTotal=true')
    expect((await owner('GET', '/roles?limit=3&includeTotal=true')).body.total).toBe(seen.length)
    expect(seen).toEqual((await owner('GET', '/roles?limit=200')).body.items.map(({ id }: { id: string }) => id))
  })
})

test('a role limited to a category may work there alone, in every way that a prompt is changed', async () => {
  const t = app()
  const key = await aKeyWith(t, { permissions: ['prompts:read', 'prompts:write', 'labels:write', 'prompts:force'], categories: ['mine'] })
  const theirs = await aPrompt(t.owner, { category: 'theirs' })
  const own = await aPrompt(key, { category: 'mine' })
  const refusals: [string, string, object | undefined][] = [
    ['POST', '/prompts', { content: 'c', category: 'theirs' }],
    ['POST', '/prompts', { content: 'c' }],
    ['PUT', `/prompts/${theirs.id}`, { description: 'x' }],
    ['PUT', `/prompts/${theirs.id}/content`, { content: 'x' }],
    ['PUT', `/prompts/${own.id}`, { category: 'theirs' }],
    ['PUT', `/prompts/${theirs.id}`, { category: 'mine' }],
    ['POST', `/prompts/${own.id}/fork`, { name: 'f', category: 'theirs' }],
    ['POST', `/prompts/${theirs.id}/versions/1/rollback`, {}],
    ['PUT', `/prompts/${theirs.id}/labels/staging`, { version: 1 }],
    ['POST', `/prompts/${theirs.id}/labels/production/revert`, {}],
    ['DELETE', `/prompts/${theirs.id}/labels/production`, undefined],
    ['DELETE', `/prompts/${theirs.id}`, undefined],
    ['DELETE', `/prompts/${theirs.id}?force=true`, undefined],
  ]
  for (const [method, path, body] of refusals)
    expect([method, path, verdict(await key(method, path, body))]).toEqual([method, path, [403, 'auth.forbidden']])
  await t.owner('DELETE', `/prompts/${theirs.id}`)
  expect(verdict(await key('POST', `/prompts/${theirs.id}/restore`))).toEqual([403, 'auth.forbidden'])
  for (const [method, path, body] of [
    ['PUT', `/prompts/${own.id}/content`, { content: 'x' }],
    ['PUT', `/prompts/${own.id}/labels/staging`, { version: 2 }],
    ['POST', `/prompts/${own.id}/versions/1/rollback`, { labels: ['production'] }],
    ['POST', `/prompts/${own.id}/fork`, { name: 'f' }],
    ['DELETE', `/prompts/${own.id}/labels/staging`, undefined],
    ['DELETE', `/prompts/${own.id}`, undefined],
    ['POST', `/prompts/${own.id}/restore`, undefined],
  ] as const)
    expect([path, (await key(method, path, body)).status < 300]).toEqual([path, true])
})

test('a role limited to a label may move that label alone, and gives a new prompt no other', async () => {
  const t = app()
  const key = await aKeyWith(t, { permissions: ['prompts:write', 'labels:write'], labels: ['staging'] })
  const { id } = await aPrompt(t.owner)
  expect(verdict(await key('PUT', `/prompts/${id}/labels/staging`, { version: 1 }))).toEqual([200])
  expect(verdict(await key('PUT', `/prompts/${id}/labels/production`, { version: 1 }))).toEqual([403, 'auth.forbidden'])
  expect(verdict(await key('POST', `/prompts/${id}/versions/1/rollback`, { labels: ['staging', 'production'] }))).toEqual([
    403,
    'auth.forbidden',
  ])
  expect((await key('POST', '/prompts', { content: 'c' })).body.labels).toEqual({})
  expect((await key('POST', '/prompts', { content: 'c', labels: ['staging'] })).body.labels).toEqual({ staging: 1 })
  expect(verdict(await key('POST', '/prompts', { content: 'c', labels: ['production'] }))).toEqual([403, 'auth.forbidden'])
})
