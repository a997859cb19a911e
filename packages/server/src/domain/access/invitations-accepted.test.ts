import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../core/ids.ts'
import { cloneDatabase, type TestApp, type TestDatabase } from '../../testing/index.ts'
import { hashKey } from './model/keys.ts'
import { newSecret } from './model/login.ts'
import type { Browser } from './testing/browser.ts'
import { browserOf, fromOurPage, logInAt, publicUrl, startLoginApp, whoAmI } from './testing/login-kit.ts'
import { type ForgedProvider, startForgedProvider } from './testing/providers.ts'

let database: TestDatabase
let provider: ForgedProvider
let t: TestApp
beforeAll(async () => {
  database = await cloneDatabase()
  provider = await startForgedProvider()
  t = await startLoginApp(provider.url, { database })
})
afterAll(async () => {
  await t.stop()
  await provider.close()
  await database.drop()
})

async function logInAs(email: string | undefined, verified = true): Promise<Browser> {
  const browser = browserOf(t)
  await logInAt(provider, browser, { sub: newId(), email, email_verified: verified })
  return browser
}

/** As POST /invitations leaves it. */
async function invite(email: string, { role = 'editor', days = 7 } = {}): Promise<{ token: string; workspaceId: string; id: string }> {
  const [workspaceId, id, token] = [newId(), newId(), newSecret()]
  await database.query(`insert into workspace (id, name, created_at) values ($1, 'Team', now())`, [workspaceId])
  await database.query(
    `insert into invitation (workspace_id, id, email, role, token_hash, invited_by, created_at, expires_at)
     values ($1, $2, $3, $4, $5, 'user:the-boss', now(), now() + make_interval(days => $6))`,
    [workspaceId, id, email, role, hashKey(token), days],
  )
  return { token, workspaceId, id }
}
const accept = (browser: Browser, token: string) => fromOurPage(browser, 'POST', '/auth/invitations/accept', { token })
const rows = (table: string, workspaceId: string) =>
  database.query<Record<string, unknown>>(`select * from ${table} where workspace_id = $1 order by 1`, [workspaceId])

test('who was invited becomes a member with the role that was offered, and works there at once', async () => {
  const browser = await logInAs('grace@example.com')
  const { token, workspaceId, id } = await invite('Grace@Example.COM')
  const { status, body } = await accept(browser, token)
  expect([status, body]).toEqual([201, { workspaceId, memberId: expect.any(String), role: 'editor' }])
  const me = await whoAmI(browser)
  expect(me.workspaces).toMatchObject([{ id: workspaceId, name: 'Team', role: 'editor' }])
  expect((await fromOurPage(browser, 'POST', '/api/v1/prompts', { content: 'Hi' })).status).toBe(201)
  expect(await rows('member', workspaceId)).toMatchObject([
    { id: body.memberId, person_id: me.person.id, role: 'editor', added_by: 'user:the-boss', revision: 1 },
  ])
  expect(await rows('invitation', workspaceId)).toMatchObject([{ id, accepted_at: expect.any(Date), accepted_by: me.person.id }])
  const told = await database.query(`select type, subject, actor, data from outbox where workspace_id = $1 and type like 'member.%'`, [
    workspaceId,
  ])
  expect(told).toEqual([
    { type: 'member.created', subject: body.memberId, actor: `user:${me.person.id}`, data: { personId: me.person.id, role: 'editor' } },
  ])
})

test('an invitation works once, also when it is taken up several times at the same moment', async () => {
  const browser = await logInAs('once@example.com')
  const { token, workspaceId } = await invite('once@example.com')
  const { csrfToken } = await whoAmI(browser)
  const headers = { 'content-type': 'application/json', origin: publicUrl, 'x-csrf-token': csrfToken }
  const body = JSON.stringify({ token })
  const answers = await Promise.all([1, 2, 3, 4].map(() => browser.ask('POST', `${publicUrl}/auth/invitations/accept`, { headers, body })))
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409])
  expect(await rows('member', workspaceId)).toHaveLength(1)
  const again = await accept(browser, token)
  expect([again.status, again.body.code]).toEqual([409, 'invitation.used'])
})

test.each([
  ['that nobody made', async () => newSecret(), 404, 'invitation.unknown'],
  ['of a wrong form', async () => "' or 1=1", 404, 'invitation.unknown'],
  ['whose hash somebody has read', async () => hashKey((await invite('me@example.com')).token), 404, 'invitation.unknown'],
  ['that has expired', async () => (await invite('me@example.com', { days: -1 })).token, 410, 'invitation.expired'],
  ['for another person', async () => (await invite('you@example.com')).token, 403, 'invitation.for_another'],
])('an invitation %s is refused', async (_name, make, status, code) => {
  const browser = await logInAs('me@example.com')
  const refused = await accept(browser, await make())
  expect([refused.status, refused.body.code]).toEqual([status, code])
  expect(refused.text).not.toContain('you@example.com')
  expect((await whoAmI(browser)).workspaces).toEqual([])
})

test('an address that nobody vouches for takes no invitation up, though it is the right one', async () => {
  const { token } = await invite('me@example.com')
  for (const browser of [await logInAs('me@example.com', false), await logInAs(undefined)]) {
    const refused = await accept(browser, token)
    expect([refused.status, refused.body.code]).toEqual([403, 'invitation.for_another'])
  }
  expect((await accept(await logInAs('me@example.com'), token)).status).toBe(201)
})

test('who is a member already keeps the role they have, and the invitation stays', async () => {
  const browser = await logInAs('twice@example.com')
  const { token, workspaceId } = await invite('twice@example.com', { role: 'owner' })
  const { person } = await whoAmI(browser)
  await database.query(`insert into member values ($1, $2, $3, 'viewer', 'test', now(), now(), 1)`, [workspaceId, newId(), person.id])
  const refused = await accept(browser, token)
  expect([refused.status, refused.body.code]).toEqual([409, 'invitation.already_member'])
  expect(await rows('member', workspaceId)).toMatchObject([{ role: 'viewer', revision: 1 }])
  expect(await rows('invitation', workspaceId)).toMatchObject([{ accepted_at: null }])
})

test('a body that is not { token } is refused, and so is one from somebody who is not logged in', async () => {
  const browser = await logInAs('me@example.com')
  for (const body of [{}, { token: 7 }, { token: '' }, { token: 'x'.repeat(1_001) }, { token: 'x', role: 'owner' }]) {
    const refused = await fromOurPage(browser, 'POST', '/auth/invitations/accept', body)
    expect([body, refused.status, refused.body.code]).toEqual([body, 400, 'request.invalid'])
  }
  expect(await t.owner('POST', '//auth/invitations/accept', { token: 'x' })).toMatchObject({ status: 401, body: { code: 'auth.required' } })
  const large = await fromOurPage(browser, 'POST', '/auth/invitations/accept', { token: 'x'.repeat(20_000) })
  expect(large.status).toBe(413)
})
