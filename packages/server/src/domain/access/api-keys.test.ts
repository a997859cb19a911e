import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AppOptions } from '../../app.ts'
import { clientOf, cloneDatabase, startTestApp, type TestAnswer, type TestDatabase } from '../../testing/index.ts'
import { aPrompt, servePath, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { aKey, aRole, walked } from './testing/rights-kit.ts'

const app = sharedApp()
const later = (ms: number): string => new Date(Date.now() + ms).toISOString()

describe('a key made by the API', () => {
  test('is shown once, works at once, and is listed without itself', async () => {
    const t = app()
    const made = await t.owner('POST', '/api-keys', { name: 'ci', role: 'editor' })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      name: 'ci',
      role: 'editor',
      scopes: [],
      instanceAdmin: false,
      createdBy: 'bootstrap',
      lastUsedAt: null,
    })
    expect(made.body.key).toMatch(new RegExp(`^ps_${made.body.id.replaceAll('-', '')}_[0-9a-f]{64}_[0-9a-f]{8}$`))
    expect((await clientOf(t.url, made.body.key)('POST', '/prompts', { content: 'c' })).body.createdBy).toBe(`key:${made.body.id}`)
    const listed = await t.owner('GET', '/api-keys?includeTotal=true')
    expect(listed.body.items.map(({ id }: { id: string }) => id)).toContain(made.body.id)
    expect([listed.text.includes(made.body.key), listed.body.total]).toEqual([false, listed.body.items.length])
    const rows = await t.database.query<{ all: string }>('select (api_key.*)::text as all from api_key')
    expect(rows.some(({ all }) => all.includes(made.body.key))).toBe(false)
  })

  test('is left out of the stored answer of its Idempotency-Key, on creation and rotation', async () => {
    const { owner, database } = app()
    const once = (key: string, path: string, body: object) => owner('POST', path, body, { 'idempotency-key': key })
    const [first, again] = [
      await once('make', '/api-keys', { name: 'k', role: 'viewer' }),
      await once('make', '/api-keys', { name: 'k', role: 'viewer' }),
    ]
    const { key, ...rest } = first.body
    expect([first.status, again.status, again.headers.get('idempotency-replayed'), again.body]).toEqual([201, 201, 'true', rest])
    const turned = await once('turn', `/api-keys/${first.body.id}/rotate`, {})
    const replayed = await once('turn', `/api-keys/${first.body.id}/rotate`, {})
    expect([turned.status, replayed.body.id, replayed.body.key]).toEqual([201, turned.body.id, undefined])
    const stored = await database.query<{ body: string }>('select body from idempotency_key')
    expect(stored.filter(({ body }) => body.includes(key) || body.includes(turned.body.key) || body.includes('"key"'))).toEqual([])
  })

  test('with scopes may do those and nothing else', async () => {
    const key = await aKey(app(), { scopes: ['prompts:read', 'prompts:read'] })
    expect(verdict(await key('GET', '/prompts'))).toEqual([200])
    expect(verdict(await key('POST', '/prompts', { content: 'c' }))).toEqual([403, 'auth.forbidden'])
  })

  test.each([
    [{ name: 'k' }, [422, 'key.invalid'], '/role'],
    [{ name: 'k', role: 'viewer', scopes: ['prompts:read'] }, [422, 'key.invalid'], '/role'],
    [{ name: 'k', role: 'nobody' }, [422, 'role.unknown'], '/role'],
    [{ name: 'k', role: 'constructor' }, [422, 'role.unknown'], '/role'],
    [{ name: 'k', scopes: ['prompts:read', 'prompts:fly'] }, [422, 'permission.unknown'], '/scopes/1'],
    [{ name: 'k', role: 'viewer', expiresAt: '2001-01-01T00:00:00Z' }, [422, 'key.invalid'], '/expiresAt'],
    [{ name: 'k', role: 'viewer', allowedCidrs: ['10.0.0.0/8', '10.0.0.0/33'] }, [422, 'key.invalid'], '/allowedCidrs/1'],
    [{ name: 'k', role: 'viewer', allowedCidrs: ['example.org'] }, [422, 'key.invalid'], '/allowedCidrs/0'],
    [{ name: 'k', role: 'viewer', expiresAt: 'tomorrow' }, [400, 'request.invalid'], '/expiresAt'],
    [{ name: 'k', role: 'viewer', allowedCidrs: [] }, [400, 'request.invalid'], '/allowedCidrs'],
  ])('is refused for what makes no sense: %o', async (body, expected, pointer) => {
    const answer = await app().owner('POST', '/api-keys', body)
    expect([verdict(answer), answer.body.errors[0].pointer]).toEqual([expected, pointer])
  })

  test('cannot do what its maker cannot: by scopes, by role, by a role limited elsewhere', async () => {
    const t = app()
    const maker = await aKey(t, { scopes: ['keys:write', 'prompts:read', 'analytics:write'] })
    const limited = await aRole(t, { permissions: ['prompts:read', 'prompts:write'], categories: ['a'] })
    const make = async (body: object): Promise<unknown> => verdict(await maker('POST', '/api-keys', { name: 'k', ...body }))
    expect(await make({ scopes: ['prompts:read'] })).toEqual([201])
    expect(await make({ role: 'runner' })).toEqual([201])
    for (const body of [{ scopes: ['prompts:write'] }, { scopes: ['*'] }, { role: 'viewer' }, { role: 'owner' }, { role: limited.name }])
      expect([body, await make(body)]).toEqual([body, [403, 'auth.rights_exceeded']])
    const admin = await aKey(t, { role: 'admin' })
    expect(verdict(await admin('POST', '/api-keys', { name: 'k', role: 'owner' }))).toEqual([403, 'auth.rights_exceeded'])
    expect(verdict(await admin('POST', '/api-keys', { name: 'k', role: 'admin' }))).toEqual([201])
  })

  test('is of another workspace only when an administrator of the installation makes it', async () => {
    const t = app()
    const there = await t.stranger()
    const key = await aKey(t, { role: 'owner', workspaceId: there.workspaceId })
    const made = await key('POST', '/prompts', { content: 'there' })
    expect(verdict(await there('GET', `/prompts/${made.body.id}`))).toEqual([200])
    expect(verdict(await t.owner('GET', `/prompts/${made.body.id}`))).toEqual([404, 'prompt.not_found'])
    const body = { name: 'k', role: 'viewer', workspaceId: '00000000-0000-7000-8000-000000000001' }
    expect(verdict(await there('POST', '/api-keys', body))).toEqual([403, 'auth.forbidden'])
    const nowhere = { ...body, workspaceId: '01900000-0000-7000-8000-000000000000' }
    expect(verdict(await t.owner('POST', '/api-keys', nowhere))).toEqual([404, 'workspace.not_found'])
  })

  test('is told of without itself: key.created, key.rotated, key.revoked', async () => {
    const t = app()
    const { id, key } = await aKey(t, { role: 'viewer' })
    await t.owner('POST', `/api-keys/${id}/rotate`, {})
    await t.owner('DELETE', `/api-keys/${id}`)
    const events = await t.database.query<{ type: string; data: object }>('select type, data from outbox where subject = $1 order by id', [
      id,
    ])
    expect(events.map(({ type }) => type)).toEqual(['key.created', 'key.rotated', 'key.revoked'])
    expect(JSON.stringify(events)).not.toContain(key)
  })
})

describe('the address that a key is used from', () => {
  test.each([
    [['127.0.0.0/8'], 200],
    [['10.0.0.0/8', '127.0.0.1'], 200],
    [['0.0.0.0/0'], 200],
    [['10.0.0.0/8', '2001:db8::/32'], 403],
    [['::1', '127.0.0.2'], 403],
  ])('is looked at with every use: %o', async (allowedCidrs, status) => {
    const t = app()
    const prompt = await aPrompt(t.owner)
    const key = await aKey(t, { role: 'viewer', allowedCidrs })
    for (let n = 0; n < 3; n++)
      for (const path of ['/prompts?limit=1', servePath(prompt)]) {
        const answer: TestAnswer = await key('GET', path)
        expect([answer.status, answer.body.code]).toEqual([status, status === 403 ? 'auth.address_refused' : undefined])
        await t.owner('GET', servePath(prompt)) // so that the answer is at hand
      }
  })
})

describe('behind a proxy', () => {
  const from = (address: string) => ({ 'x-forwarded-for': `203.0.113.9, ${address}` })
  const uses = async (trustProxy: AppOptions['trustProxy'], address: string): Promise<number[]> => {
    const t = await startTestApp({ database, trustProxy })
    try {
      const prompt = await aPrompt(t.owner)
      const key = await aKey(t, { role: 'viewer', allowedCidrs: ['198.51.100.0/24'] })
      const statuses: number[] = []
      for (let n = 0; n < 3; n++)
        for (const path of ['/prompts?limit=1', servePath(prompt)]) {
          statuses.push((await key('GET', path, undefined, from(address))).status)
          await t.owner('GET', servePath(prompt))
        }
      return [...new Set(statuses)]
    } finally {
      await t.stop()
    }
  }
  let database: TestDatabase
  beforeAll(async () => {
    database = await cloneDatabase()
  })
  afterAll(() => database.drop())

  test.each<[string, AppOptions['trustProxy'], string, number]>([
    ['that is named, a key is used from where the proxy says', ['127.0.0.1'], '198.51.100.7', 200],
    ['that is named, a key is used from nowhere else', ['127.0.0.0/8'], '203.0.113.1', 403],
    ['of which there is one, the last address counts', 1, '198.51.100.7', 200],
    ['of which there is one, what the caller says of itself does not count', 1, '203.0.113.1', 403],
    ['that nobody named, its own address counts', undefined, '198.51.100.7', 403],
    ['that is not the one that is named, its own address counts', ['192.0.2.1'], '198.51.100.7', 403],
  ])('%s, on the hot path too', async (_what, trustProxy, address, status) => {
    expect(await uses(trustProxy, address)).toEqual([status])
  })
})

describe('rotation', () => {
  test('makes a key with the same rights, and the old one goes on for a day', async () => {
    const t = app()
    const old = await aKey(t, { role: 'editor', allowedCidrs: ['127.0.0.1'], expiresAt: later(3_600_000) })
    const turned = await t.owner('POST', `/api-keys/${old.id}/rotate`, {})
    expect(turned.body).toMatchObject({ role: 'editor', allowedCidrs: ['127.0.0.1'], name: 'test' })
    for (const key of [old.key, turned.body.key]) expect(verdict(await clientOf(t.url, key)('GET', '/prompts'))).toEqual([200])
    const listed = (await t.owner('GET', '/api-keys')).body.items.find(({ id }: { id: string }) => id === old.id)
    expect([listed.rotatedTo, Math.round((Date.parse(listed.retiresAt) - Date.now()) / 3_600_000)]).toEqual([turned.body.id, 24])
  })

  test('with no overlap ends the old key now', async () => {
    const t = app()
    const old = await aKey(t, { role: 'viewer' })
    const turned = await t.owner('POST', `/api-keys/${old.id}/rotate`, { overlapMs: 0, expiresAt: later(60_000) })
    expect(verdict(await old('GET', '/prompts'))).toEqual([401, 'auth.required'])
    expect([verdict(await clientOf(t.url, turned.body.key)('GET', '/prompts')), turned.body.expiresAt > later(0)]).toEqual([[200], true])
  })

  test('is refused for a key that has ended or was rotated, naming the one in its place', async () => {
    const t = app()
    const [turned, dead] = [await aKey(t, { role: 'viewer' }), await aKey(t, { role: 'viewer' })]
    const next = await t.owner('POST', `/api-keys/${turned.id}/rotate`, {})
    const again = await t.owner('POST', `/api-keys/${turned.id}/rotate`, {})
    expect([verdict(again), again.body.rotatedTo]).toEqual([[409, 'key.not_live'], next.body.id])
    await t.owner('DELETE', `/api-keys/${dead.id}`)
    expect(verdict(await t.owner('POST', `/api-keys/${dead.id}/rotate`, {}))).toEqual([409, 'key.not_live'])
    expect(verdict(await t.owner('POST', `/api-keys/${next.body.id}/rotate`, { expiresAt: '2001-01-01T00:00:00Z' }))).toEqual([
      422,
      'key.invalid',
    ])
  })

  test('of a key that may do more than the caller is refused: it would hand over its rights', async () => {
    const t = app()
    const [admin, owner] = [await aKey(t, { role: 'admin' }), await aKey(t, { role: 'owner' })]
    expect(verdict(await admin('POST', `/api-keys/${owner.id}/rotate`, {}))).toEqual([403, 'auth.rights_exceeded'])
    await t.database.query('update api_key set instance_admin = true where id = $1', [owner.id])
    const other = await aKey(t, { role: 'owner' })
    expect(verdict(await other('POST', `/api-keys/${owner.id}/rotate`, {}))).toEqual([403, 'auth.forbidden'])
    expect(verdict(await other('DELETE', `/api-keys/${owner.id}`))).toEqual([403, 'auth.forbidden'])
  })
})

test('a revoked key is out at once, revoking it twice is fine, and it is listed only when asked for', async () => {
  const t = app()
  const prompt = await aPrompt(t.owner)
  const key = await aKey(t, { role: 'viewer' })
  for (let n = 0; n < 3; n++) expect(verdict(await key('GET', servePath(prompt)))).toEqual([200])
  for (let n = 0; n < 2; n++) expect(verdict(await t.owner('DELETE', `/api-keys/${key.id}`))).toEqual([204])
  for (const path of ['/prompts', servePath(prompt)]) expect(verdict(await key('GET', path))).toEqual([401, 'auth.required'])
  const ids = async (query: string) => (await t.owner('GET', `/api-keys${query}`)).body.items.map(({ id }: { id: string }) => id)
  expect([(await ids('')).includes(key.id), (await ids('?revoked=true')).includes(key.id)]).toEqual([false, true])
})

test('a walk over the keys gives each once', async () => {
  const t = app()
  for (let n = 0; n < 3; n++) await aKey(t, { role: 'viewer' })
  const seen = await walked(t.owner, '/api-keys?limit=2')
  const all = (await t.owner('GET', '/api-keys?limit=200')).body.items.map(({ id }: { id: string }) => id)
  expect(seen).toEqual(all)
})

test('the last use of a key is noted in the background, and only of keys that were used', async () => {
  const t = app()
  const prompt = await aPrompt(t.owner)
  const [used, hot, idle] = [await aKey(t, { role: 'viewer' }), await aKey(t, { role: 'viewer' }), await aKey(t, { role: 'viewer' })]
  await used('GET', '/prompts')
  for (let n = 0; n < 3; n++) await hot('GET', servePath(prompt))
  const taken = t.app.authenticator.takeUsed()
  expect([used.id, hot.id, idle.id].map((id) => taken.includes(id))).toEqual([true, true, false])
  await hot('GET', servePath(prompt))
  expect(t.app.authenticator.takeUsed()).toEqual([hot.id])
})
