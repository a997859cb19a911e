import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../core/ids.ts'
import { appendEvents } from '../../core/outbox.ts'
import { openDoor } from '../../core/testing/door.ts'
import { bootstrapKey, cloneDatabase, type TestApp, type TestDatabase } from '../../testing/index.ts'
import { hashKey } from './model/keys.ts'
import { newSecret } from './model/login.ts'
import { sessionCookie } from './model/sessions.ts'
import type { Browser } from './testing/browser.ts'
import { browserOf, fromOurPage, logInAt, publicUrl, startLoginApp, whoAmI } from './testing/login-kit.ts'
import { type ForgedProvider, startForgedProvider } from './testing/providers.ts'

/** Rights may be served from memory for a second; the rest is for a busy machine. */
const patience = { interval: 50 }
const theDefault = '00000000-0000-7000-8000-000000000001'

let database: TestDatabase
let provider: ForgedProvider
let t: TestApp
/** Another instance on the same database, whose clock can be set. */
let other: TestApp
let ahead = 0
beforeAll(async () => {
  database = await cloneDatabase()
  provider = await startForgedProvider()
  t = await startLoginApp(provider.url, { database })
  other = await startLoginApp(provider.url, { database, clock: () => new Date(Date.now() + ahead).toISOString() })
})
beforeEach(() => {
  ahead = 0
})
afterAll(async () => {
  await other.stop()
  await t.stop()
  await provider.close()
  await database.drop()
})

/** Somebody new, logged in at the first instance. */
async function newPerson(): Promise<Browser & { personId: string; token: string }> {
  const browser = browserOf(t)
  await logInAt(provider, browser, { sub: newId(), email: `${newId()}@example.com` })
  return Object.assign(browser, { personId: (await whoAmI(browser)).person.id, token: browser.cookie(publicUrl, sessionCookie)! })
}

/** As member, role and workspace endpoints do: the rows and the event in one transaction. */
const change = (type: string, workspaceId: string, statement: string, values: unknown[]) =>
  t.app.database.within('system', 'write', async (db) => {
    await database.query(statement, values)
    const by = { workspaceId, actor: 'test', requestId: 'test', at: new Date().toISOString(), explicitWorkspace: true }
    t.app.feed.committed(await appendEvents(db, [{ type, subject: 's', data: {} }], by))
  })
const join = (personId: string, role: string, workspaceId = theDefault) =>
  change('member.created', workspaceId, `insert into member values ($1, $2, $3, $4, 'test', now(), now(), 1)`, [
    workspaceId,
    newId(),
    personId,
    role,
  ])
const newWorkspace = async (): Promise<string> => {
  const id = newId()
  await database.query(`insert into workspace (id, name, created_at) values ($1, 'another', now())`, [id])
  return id
}

/** A GET by cookie alone. */
const look = async (at: TestApp, token: string, path = '/api/v1/prompts', headers: Record<string, string> = {}) => {
  const answer = await fetch(at.url + path, { headers: { cookie: `${sessionCookie}=${token}`, ...headers } })
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  return { status: answer.status, body: (await answer.json()) as any }
}
/** When the person's session was last seen, in ms. */
const lastSeen = async (personId: string): Promise<number> =>
  (await database.query<{ at: Date }>('select last_seen_at as at from session where person_id = $1', [personId]))[0]!.at.getTime()
const statusAt = async (at: TestApp, token: string) => (await look(at, token)).status

describe('a session', () => {
  test('opens what its member may do, and nothing more', async () => {
    const person = await newPerson()
    await join(person.personId, 'viewer')
    await expect.poll(() => statusAt(t, person.token), patience).toBe(200)
    const refused = await fromOurPage(person, 'POST', '/api/v1/prompts', { content: 'x' })
    expect([refused.status, refused.body.permission]).toEqual([403, 'prompts:write'])
    expect((await whoAmI(person)).workspaces).toEqual([
      { id: theDefault, name: 'default', role: 'viewer', permissions: expect.arrayContaining(['prompts:read']) },
    ])
  })

  test('that is unknown, broken, of another installation or guessed is none', async () => {
    const elsewhere = await cloneDatabase()
    const foreign = await startLoginApp(provider.url, { database: elsewhere })
    const stranger = browserOf(foreign)
    await logInAt(provider, stranger)
    const { token } = await newPerson()
    const bad = ['', 'x', newSecret(), `${token}=`, token.slice(1), hashKey(token), stranger.cookie(publicUrl, sessionCookie)!, "' or 1=1"]
    for (const one of bad) {
      const { status, body } = await look(t, one)
      expect([one, status, body.code]).toEqual([one, 401, 'auth.required'])
    }
    await foreign.stop()
    await elsewhere.drop()
  })

  test('cookie under a name without __Host- is not looked at', async () => {
    const { token } = await newPerson()
    const answer = await fetch(`${t.url}/auth/session`, { headers: { cookie: `session=${token}; X__Host-session=${token}` } })
    expect(answer.status).toBe(401)
  })

  test('is found among other cookies, quoted ones too', async () => {
    const { token } = await newPerson()
    const answer = await fetch(`${t.url}/auth/session`, { headers: { cookie: `a="b=c"; x; =y; ${sessionCookie}=${token}; z=1` } })
    expect(answer.status).toBe(200)
  })

  test('ends at its time, whatever its use', async () => {
    const { token, personId } = await newPerson()
    expect((await look(other, token, '/auth/session')).status).toBe(200)
    for (let minutes = 50; minutes < 12 * 60; minutes += 50) {
      ahead = minutes * 60_000
      expect((await look(other, token, '/auth/session')).status).toBe(200)
      // Use is noted in the background; the clock of this test leaps faster than that takes.
      await expect.poll(() => lastSeen(personId), patience).toBeGreaterThan(Date.now() + ahead - 60_000)
    }
    ahead = 12 * 3_600_000
    expect((await look(other, token, '/auth/session')).status).toBe(401)
  })

  test('ends when it is not used, unless it is used on another instance', async () => {
    const [idle, busy] = [await newPerson(), await newPerson()]
    for (const { token } of [idle, busy]) expect((await look(other, token, '/auth/session')).status).toBe(200)
    await database.query(`update session set last_seen_at = now() + interval '30 min' where person_id = $1`, [busy.personId])
    ahead = 61 * 60_000
    expect((await look(other, idle.token, '/auth/session')).status).toBe(401)
    expect((await look(other, busy.token, '/auth/session')).status).toBe(200)
  })

  test('use is noted, now and then', async () => {
    const { token, personId } = await newPerson()
    const seen = () => lastSeen(personId)
    const before = await seen()
    ahead = 10 * 60_000
    await look(other, token, '/auth/session')
    await expect.poll(seen, patience).toBeGreaterThan(before + 9 * 60_000)
  })

  test('that is ended by logging out ends at once, on all instances within a second, and its cookie goes', async () => {
    const person = await newPerson()
    await join(person.personId, 'viewer')
    for (const at of [t, other]) await expect.poll(() => statusAt(at, person.token), patience).toBe(200)
    const { token } = person
    const out = await fromOurPage(person, 'POST', '/auth/logout')
    expect([out.status, out.headers.get('set-cookie')]).toEqual([
      204,
      `${sessionCookie}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax`,
    ])
    expect(person.cookie(publicUrl, sessionCookie)).toBeUndefined()
    expect(await statusAt(t, token)).toBe(401)
    await expect.poll(() => statusAt(other, token), patience).toBe(401)
  })

  test('that there is not can be left, too', async () => {
    const browser = browserOf(t)
    expect((await browser.ask('POST', `${publicUrl}/auth/logout`)).status).toBe(204)
  })

  test('is one of many of its person: the others go on', async () => {
    const sub = newId()
    const [desk, phone] = [browserOf(t), browserOf(t)]
    for (const browser of [desk, phone]) await logInAt(provider, browser, { sub })
    await fromOurPage(desk, 'POST', '/auth/logout')
    expect((await whoAmI(phone)).person.id).toMatch(/-/)
  })
})

describe('rights', () => {
  test('change for a session under way: another role, a changed role, a removed member, on all instances within a second', async () => {
    const { personId, token } = await newPerson()
    await join(personId, 'custom')
    const both = async () => [await statusAt(t, token), await statusAt(other, token)]
    await expect.poll(both, patience).toEqual([403, 403])
    await change(
      'role.created',
      theDefault,
      `insert into role values ($1, $2, 'custom', '', '{prompts:read}', null, null, 'test', now(), now(), 1)`,
      [theDefault, newId()],
    )
    await expect.poll(both, patience).toEqual([200, 200])
    await change('role.updated', theDefault, `update role set permissions = '{cache:read}' where workspace_id = $1 and name = 'custom'`, [
      theDefault,
    ])
    await expect.poll(both, patience).toEqual([403, 403])
    await change('member.updated', theDefault, `update member set role = 'owner' where person_id = $1`, [personId])
    await expect.poll(both, patience).toEqual([200, 200])
    await change('member.deleted', theDefault, 'delete from member where person_id = $1', [personId])
    await expect.poll(both, patience).toEqual([403, 403])
    expect((await look(t, token)).body.code).toBe('auth.not_a_member')
  })

  test('of a role that is limited to categories hide the prompts of others', async () => {
    const { personId, token } = await newPerson()
    const name = `limited-${personId}`
    await database.query(`insert into role values ($1, $2, $3, '', '{prompts:read}', '{open}', null, 'test', now(), now(), 1)`, [
      theDefault,
      newId(),
      name,
    ])
    await join(personId, name)
    for (const category of ['open', 'secret']) await t.owner('POST', '/prompts', { content: category, category, name: newId() })
    await expect.poll(() => statusAt(t, token), patience).toBe(200)
    const { body } = await look(t, token)
    expect(new Set(body.items.map(({ category }: { category: string }) => category))).toEqual(new Set(['open']))
  })
})

describe('X-Workspace', () => {
  test('chooses among the workspaces of the person, and no other', async () => {
    const { personId, token } = await newPerson()
    const [one, two, foreign] = [await newWorkspace(), await newWorkspace(), await newWorkspace()]
    await join(personId, 'viewer', one)
    await expect.poll(() => statusAt(t, token), patience).toBe(200)
    await join(personId, 'owner', two)
    await expect.poll(() => statusAt(t, token), patience).toBe(400)
    const at = async (workspace: string) => {
      const { status, body } = await look(t, token, '/api/v1/prompts', { 'x-workspace': workspace })
      return [status, body.code]
    }
    expect((await look(t, token)).body).toMatchObject({ code: 'auth.workspace_needed', detail: expect.stringContaining('X-Workspace') })
    expect([await at(one), await at(two)]).toEqual([
      [200, undefined],
      [200, undefined],
    ])
    for (const wrong of [foreign, newId(), theDefault, '', 'x', one.toUpperCase(), `${one},${two}`])
      expect([wrong, ...(await at(wrong))]).toEqual([wrong, 404, 'auth.workspace_not_found'])
  })
})

describe('a change by cookie', () => {
  const create = async (browser: Browser, headers: Record<string, string>) => {
    const body = JSON.stringify({ content: 'x' })
    const page = await browser.ask('POST', `${publicUrl}/api/v1/prompts`, {
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
    return [page.status, JSON.parse(page.text).code]
  }
  const refused = [403, 'auth.csrf']

  test("needs the session's CSRF token and our own page", async () => {
    const [person, another] = [await newPerson(), await newPerson()]
    await join(person.personId, 'editor')
    await expect.poll(() => statusAt(t, person.token), patience).toBe(200)
    const { csrfToken } = await whoAmI(person)
    const own = { origin: publicUrl, 'sec-fetch-site': 'same-origin' }
    expect(await create(person, { ...own, 'x-csrf-token': csrfToken })).toEqual([201, undefined])
    expect(await create(person, own)).toEqual(refused)
    expect(await create(person, { ...own, 'x-csrf-token': 'wrong' })).toEqual(refused)
    expect(await create(person, { ...own, 'x-csrf-token': (await whoAmI(another)).csrfToken })).toEqual(refused)
    expect(await create(person, { 'x-csrf-token': csrfToken })).toEqual(refused)
    expect(await create(person, { ...own, 'x-csrf-token': csrfToken, origin: 'https://evil.example' })).toEqual(refused)
    expect(await create(person, { ...own, 'x-csrf-token': csrfToken, 'sec-fetch-site': 'same-site' })).toEqual(refused)
  })

  test('of every method, and of what only looks like a change, needs it; so do logging out and invitations', async () => {
    const person = await newPerson()
    await join(person.personId, 'owner')
    await expect.poll(() => statusAt(t, person.token), patience).toBe(200)
    for (const [method, path] of [
      ['PUT', `/api/v1/prompts/${newId()}`],
      ['DELETE', `/api/v1/prompts/${newId()}`],
      ['POST', '/api/v1/prompts/resolve'],
      ['POST', '/auth/logout'],
      ['POST', '/auth/invitations/accept'],
    ] as const) {
      const headers = { 'content-type': 'application/json', origin: publicUrl }
      const body = path.endsWith('accept') ? '{"token":"x"}' : '{}'
      const page = await person.ask(method, publicUrl + path, { headers, ...(method !== 'DELETE' && { body }) })
      expect([path, page.status, JSON.parse(page.text).code]).toEqual([path, ...refused])
    }
    expect((await whoAmI(person)).person.id).toBe(person.personId)
  })

  test('needs nothing of it where a key is sent: the key wins, also over a bad cookie, and a bad key over a good cookie', async () => {
    const person = await newPerson()
    expect(await create(person, { authorization: `Bearer ${bootstrapKey}` })).toEqual([201, undefined])
    person.setCookie(publicUrl, sessionCookie, 'broken')
    expect(await create(person, { authorization: `Bearer ${bootstrapKey}` })).toEqual([201, undefined])
    person.setCookie(publicUrl, sessionCookie, person.token)
    expect(await create(person, { authorization: 'Bearer wrong' })).toEqual([401, 'auth.required'])
    expect(await create(person, { authorization: 'Basic dTpw' })).toEqual([401, 'auth.required'])
  })
})

describe('on the hot path', () => {
  const hot = '/api/v1/prompts/search/hot/one'
  test('a cookie goes the checked way: what a key has warmed is served to a session that may, and to no other', async () => {
    await t.owner('POST', '/prompts', { content: 'Hot', category: 'hot', name: 'one' })
    for (let i = 0; i < 3; i++) expect((await t.owner('GET', '/prompts/search/hot/one')).status).toBe(200)
    const person = await newPerson()
    const { token } = person
    expect((await look(t, token, hot)).body.code).toBe('auth.not_a_member')
    expect((await look(t, newSecret(), hot)).status).toBe(401)
    await join(person.personId, 'runner')
    await expect.poll(async () => (await look(t, token, hot)).status, patience).toBe(200)
    for (let i = 0; i < 3; i++) expect((await look(t, token, hot)).body.content).toBe('Hot')
    await fromOurPage(person, 'POST', '/auth/logout')
    for (let i = 0; i < 3; i++) expect((await look(t, token, hot)).status).toBe(401)
    expect((await look(t, newSecret(), hot, { authorization: `Bearer ${bootstrapKey}` })).status).toBe(200)
  })
})

test('where people log in the service is never open, key or no key', async () => {
  const closed = await startLoginApp(provider.url, { database: await cloneDatabase(), bootstrapApiKey: undefined })
  expect(await closed.app.authenticator.isOpen()).toBe(false)
  for (const path of ['/prompts', '/prompts/search/a/b', '//metrics']) expect((await closed.anonymous('GET', path)).status).toBe(401)
  await closed.stop()
  await closed.database.drop()
})

test('while the database is away known sessions go on, and others are told to wait', async () => {
  const door = await openDoor(database.url)
  const far = await startLoginApp(provider.url, { database, databaseUrl: door.url })
  const [known, unknown] = [await newPerson(), await newPerson()]
  await far.app.feed.confirm() // of the events of the two, which make it forget sessions
  expect((await look(far, known.token, '/auth/session')).status).toBe(200)
  door.close()
  await expect.poll(async () => (await look(far, unknown.token, '/auth/session')).status, patience).toBe(503)
  expect((await look(far, known.token, '/auth/session')).status).toBe(200)
  expect((await far.anonymous('GET', '//auth/login')).status).toBe(503)
  door.open()
  await expect.poll(async () => (await look(far, unknown.token, '/auth/session')).status, patience).toBe(200)
  await far.stop()
})
