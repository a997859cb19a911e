import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../core/ids.ts'
import { appendEvents } from '../../core/outbox.ts'
import { openDoor } from '../../core/testing/door.ts'
import { bootstrapKey, type Call, clientOf, cloneDatabase, startTestApp, type TestApp, type TestDatabase } from '../../testing/index.ts'
import { addKey, defaultWorkspaceId, newKey } from './index.ts'
import { hashKey, isKey } from './model/keys.ts'

/** Keys may be served from memory for a second; the rest is for a busy machine. */
const patience = { interval: 50 }

let database: TestDatabase
const apps: TestApp[] = []
beforeEach(async () => {
  database = await cloneDatabase()
})
afterEach(async () => {
  for (const app of apps.splice(0)) await app.stop()
  await database.drop()
})

const start = async (options: { open?: boolean; databaseUrl?: string } = {}): Promise<TestApp> => {
  const app = await startTestApp({ database, ...options })
  apps.push(app)
  return app
}

/** Another process makes a key: this instance hears of it by the feed alone. */
async function makeKey(t: TestApp, permissions: readonly string[] = ['*']): Promise<{ id: string; key: string }> {
  const id = newId()
  const key = newKey(id)
  await t.app.database.within('system', 'write', (db) =>
    addKey(db, {
      id,
      workspaceId: defaultWorkspaceId,
      name: 'test',
      key,
      permissions,
      instanceAdmin: false,
      createdBy: 'test',
      at: new Date().toISOString(),
    }),
  )
  return { id, key }
}

/** As the next issue's DELETE /api-keys/{id} will: the row and the event in one transaction. */
const revoke = (t: TestApp, id: string) =>
  t.app.database.within('system', 'write', async (db) => {
    const at = new Date().toISOString()
    await db.updateTable('apiKey').set({ revokedAt: at }).where('id', '=', id).execute()
    await appendEvents(db, [{ type: 'key.revoked', subject: id, data: {} }], {
      workspaceId: defaultWorkspaceId,
      actor: 'test',
      requestId: id,
      at,
      explicitWorkspace: true,
    })
  })

const status = async (call: Call, path = '/prompts?limit=1') => (await call('GET', path)).status

describe('the form of a key', () => {
  test('is ps_<id>_<secret>_<crc32>, and no two are the same', () => {
    const id = newId()
    const keys = Array.from({ length: 50 }, () => newKey(id))
    for (const key of keys) expect(key).toMatch(new RegExp(`^ps_${id.replaceAll('-', '')}_[0-9a-f]{64}_[0-9a-f]{8}$`))
    expect(new Set(keys).size).toBe(50)
    expect(keys.every(isKey)).toBe(true)
  })

  test('shows any slip of the pen', () => {
    const key = newKey(newId())
    for (let i = 0; i < key.length; i++) expect(isKey(key.slice(0, i) + (key[i] === '0' ? '1' : '0') + key.slice(i + 1))).toBe(false)
    for (const text of ['', 'ps___', key.slice(1), `${key} `, key.toUpperCase(), bootstrapKey]) expect(isKey(text)).toBe(false)
  })

  test('is kept nowhere: the database has its SHA-256 only', async () => {
    const t = await start()
    const { key } = await makeKey(t)
    const rows = await database.query<{ secret_hash: string }>('select * from api_key')
    expect(rows.map(({ secret_hash }) => secret_hash)).toEqual([hashKey(key)])
    expect(JSON.stringify([rows, await database.query('select * from outbox')])).not.toContain(key.split('_')[2])
  })
})

describe('a key', () => {
  test('opens; none, a wrong one, another scheme and half of one are 401 with WWW-Authenticate', async () => {
    const t = await start()
    const { key } = await makeKey(t)
    expect(await status(clientOf(t.url, key))).toBe(200)
    const wrong = [newKey(newId()), 'nonsense', key.slice(0, -1), `${key}x`, key.toUpperCase(), 'undefined']
    for (const authorization of [
      ...wrong.map((text) => `Bearer ${text}`),
      `Basic ${key}`,
      key,
      'Bearer',
      'Bearer  ',
      `Bearer ${key} ${key}`,
    ]) {
      const { status: got, headers, body } = await t.anonymous('GET', '/prompts', undefined, { authorization })
      expect([authorization, got, body.code]).toEqual([authorization, 401, 'auth.required'])
      expect(headers.get('www-authenticate')).toBe('Bearer realm="prompt-store", error="invalid_token"')
    }
    expect((await t.anonymous('GET', '/prompts')).headers.get('www-authenticate')).toBe('Bearer realm="prompt-store"')
  })

  test('is taken however the scheme is written', async () => {
    const t = await start()
    const { key } = await makeKey(t)
    for (const authorization of [`bearer ${key}`, `BEARER   ${key}`])
      expect((await t.anonymous('GET', '/prompts', undefined, { authorization })).status).toBe(200)
  })

  test('that was unknown a moment ago opens within a second of being made, on both instances', async () => {
    const [one, two] = [await start(), await start()]
    const id = newId()
    const key = newKey(id)
    for (const t of [one, two]) expect(await status(clientOf(t.url, key))).toBe(401)
    await one.app.database.within('system', 'write', (db) =>
      addKey(db, {
        id,
        workspaceId: defaultWorkspaceId,
        name: 'late',
        key,
        permissions: ['*'],
        instanceAdmin: false,
        createdBy: 'test',
        at: new Date().toISOString(),
      }),
    )
    for (const t of [one, two]) await expect.poll(() => status(clientOf(t.url, key)), patience).toBe(200)
  })

  test('that was revoked stops on both instances, on the hot path too', async () => {
    const [one, two] = [await start(), await start()]
    await one.owner('POST', '/prompts', { content: 'c', category: 'c', name: 'n' })
    const { id, key } = await makeKey(one)
    const paths = ['/prompts?limit=1', '/prompts/search/c/n']
    for (const t of [one, two])
      for (const path of paths) for (let n = 0; n < 3; n++) expect(await status(clientOf(t.url, key), path)).toBe(200)
    await revoke(one, id)
    for (const t of [one, two]) for (const path of paths) await expect.poll(() => status(clientOf(t.url, key), path), patience).toBe(401)
    expect(await status(two.owner)).toBe(200)
  })

  test('of the environment opens the default workspace and everything in it', async () => {
    const t = await start()
    expect(await status(t.owner)).toBe(200)
    expect((await t.owner('POST', '/prompts', { content: 'c' })).body.createdBy).toBe('bootstrap')
    expect(await status(clientOf(t.url, `${bootstrapKey}x`))).toBe(401)
    expect(await status(t.anonymous)).toBe(401)
  })

  test('holds while the database is away, and nobody new is let in', async () => {
    const door = await openDoor(database.url)
    const t = await start({ databaseUrl: door.url })
    await t.owner('POST', '/prompts', { content: 'c', category: 'c', name: 'n' })
    const [known, fresh] = [await makeKey(t), await makeKey(t)]
    await t.app.feed.confirm() // of the two events, which make it forget all keys
    expect(await status(clientOf(t.url, known.key), '/prompts/search/c/n')).toBe(200)
    door.close()
    await expect.poll(() => status(clientOf(t.url, fresh.key)), patience).toBe(503)
    expect(await status(clientOf(t.url, known.key), '/prompts/search/c/n')).toBe(200)
    expect(await status(clientOf(t.url, 'nonsense'))).toBe(401)
    door.open()
    await expect.poll(() => status(clientOf(t.url, fresh.key)), patience).toBe(200)
  })
})
