import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { cloneDatabase, startTestApp, type TestApp, type TestDatabase } from '../../testing/index.ts'
import { loginCookie, sessionCookie } from './model/sessions.ts'
import type { Browser } from './testing/browser.ts'
import {
  begin,
  browserOf,
  clientId,
  failureOn,
  fromOurPage,
  logIn,
  logInAt,
  postLogoutUrl,
  publicUrl,
  redirectUri,
  startLoginApp,
  whoAmI,
} from './testing/login-kit.ts'
import { type ForgedProvider, startForgedProvider, startRealProvider } from './testing/providers.ts'

type RealProvider = Awaited<ReturnType<typeof startRealProvider>>
const events = (database: TestDatabase) =>
  database.query<{ type: string; actor: string; workspaceId: string; data: Record<string, unknown> }>(
    `select type, actor, workspace_id as "workspaceId", data from outbox where type ~ '^(session|member)' order by id`,
  )

describe('at a real identity provider', () => {
  let provider: RealProvider
  let t: TestApp
  beforeAll(async () => {
    provider = await startRealProvider()
    t = await startLoginApp(provider.url)
  })
  afterAll(async () => {
    await t.stop()
    await provider.close()
  })

  test('the owner that the configuration names logs in, comes to where they wanted to go, and works', async () => {
    const browser = browserOf(t)
    const page = await logIn(browser, 'ada', '/auth/login?returnTo=/prompts%3Fq%3Da%2520b')
    expect([page.status, page.headers.get('location')]).toEqual([302, '/prompts?q=a%20b'])
    const me = await whoAmI(browser)
    expect(me.person).toEqual({ id: expect.any(String), email: 'ada@example.com', name: 'Ada' })
    expect(me.workspaces).toEqual([{ id: '00000000-0000-7000-8000-000000000001', name: 'default', role: 'owner', permissions: ['*'] }])
    const made = await fromOurPage(browser, 'POST', '/api/v1/prompts', { content: 'Hi' })
    expect([made.status, made.body.createdBy]).toEqual([201, `user:${me.person.id}`])
    expect((await browser.ask('GET', `${publicUrl}/api/v1/prompts/${made.body.id}`)).status).toBe(200)
  })

  test('somebody whom nobody has invited logs in, and is told what to do', async () => {
    const browser = browserOf(t)
    expect((await logIn(browser, 'bob')).status).toBe(302)
    expect((await whoAmI(browser)).workspaces).toEqual([])
    const refused = await browser.ask('GET', `${publicUrl}/api/v1/prompts`)
    expect([refused.status, JSON.parse(refused.text).code]).toEqual([403, 'auth.not_a_member'])
    expect(refused.text).toMatch(/bob@example\.com.*invitation.*OIDC_OWNER_EMAILS/)
  })

  test("an owner's address that the provider does not vouch for makes nobody an owner", async () => {
    const browser = browserOf(t)
    expect((await logIn(browser, 'mallory')).status).toBe(302)
    expect(await whoAmI(browser)).toMatchObject({ person: { email: null }, workspaces: [] })
  })

  test('cookies are bound to the host, out of reach of scripts, and new at every login', async () => {
    const browser = browserOf(t)
    await logIn(browser, 'ada')
    const own = browser.received.filter((line) => line.startsWith('__Host-'))
    expect(own).toHaveLength(2)
    for (const line of own)
      expect(line).toMatch(/^__Host-(login|session)=[\w-]{43}; Path=\/; Max-Age=(600|43200); HttpOnly; Secure; SameSite=Lax$/)
    const first = browser.cookie(publicUrl, sessionCookie)
    await logIn(browser, 'ada')
    expect(browser.cookie(publicUrl, sessionCookie)).not.toBe(first)
  })

  test('an instance finishes what another began', async () => {
    const other = await startLoginApp(provider.url, { database: t.database })
    const browser = browserOf(t)
    let page = await browser.follow(await browser.ask('GET', `${publicUrl}/auth/login`), (next) => next.pathname === '/auth/callback')
    for (const form of ['prompt=login&login=ada&password=any', 'prompt=consent']) {
      const action = /action="([^"]+)"/.exec(page.text)![1]!
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      page = await browser.follow(await browser.ask('POST', action, { headers, body: form }), ({ origin }) => origin === publicUrl)
    }
    const { search } = new URL(page.headers.get('location')!)
    const cookie = `${loginCookie}=${browser.cookie(publicUrl, loginCookie)}`
    const finished = await fetch(`${other.url}/auth/callback${search}`, { headers: { cookie }, redirect: 'manual' })
    expect([finished.status, finished.headers.get('set-cookie')]).toEqual([302, expect.stringContaining(sessionCookie)])
    await other.stop()
  })

  test('who turns back at the provider is told so, and can log in afterwards', async () => {
    const browser = browserOf(t)
    const form = await browser.follow(await browser.ask('GET', `${publicUrl}/auth/login`))
    const abort = /href="([^"]+\/abort)"/.exec(form.text)![1]!
    expect(failureOn(await browser.follow(await browser.ask('GET', abort)))).toBe('403 auth.login_refused')
    expect((await logIn(browser, 'ada')).status).toBe(302)
  })

  test('who logs out is shown where to log out at the provider too, and is asked there who they are at the next login', async () => {
    const returning = await startLoginApp(provider.url, { database: t.database, login: { postLogoutUrl } })
    for (const [at, told] of [
      [t, null],
      [returning, postLogoutUrl],
    ] as const) {
      const browser = browserOf(at)
      const asksWho = async () =>
        /name="login"/.test((await browser.follow(await browser.ask('GET', `${publicUrl}/auth/login`), isOurs)).text)
      await logIn(browser, 'ada')
      expect(await asksWho(), 'the provider knows the browser').toBe(false)
      const out = await fromOurPage(browser, 'POST', '/auth/logout')
      expect([out.status, browser.cookie(publicUrl, sessionCookie)]).toEqual([200, undefined])
      const { endSessionUrl } = out.body as { endSessionUrl: string }
      const { origin, searchParams } = new URL(endSessionUrl)
      expect([origin, searchParams.get('client_id'), searchParams.get('post_logout_redirect_uri')]).toEqual([provider.url, clientId, told])
      const question = await browser.ask('GET', endSessionUrl)
      const action = /<form[^>]* action="([^"]+)"/.exec(question.text)![1]!
      const xsrf = /name="xsrf" value="([^"]+)"/.exec(question.text)![1]!
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const done = await browser.follow(await browser.ask('POST', action, { headers, body: `xsrf=${xsrf}&logout=yes` }), isOurs)
      expect(done.headers.get('location')).toBe(told)
      expect(await asksWho(), 'the provider has forgotten').toBe(true)
      expect((await fromNowhere(browser)).status, 'who is out has nothing to end').toBe(204)
    }
    await returning.stop()
  })
  const isOurs = ({ origin }: URL): boolean => origin === publicUrl
  const fromNowhere = (browser: Browser) => browser.ask('POST', `${publicUrl}/auth/logout`)

  test('only people of the allowed domains log in, where there are such', async () => {
    const strict = await startLoginApp(provider.url, { database: t.database, login: { allowedDomains: ['example.com'] } })
    for (const [account, expected] of [
      ['eve', '403 auth.login_refused'],
      ['mallory', '403 auth.login_refused'],
      ['bob', '302 undefined'],
    ] as const) {
      const browser = browserOf(strict)
      expect([account, failureOn(await logIn(browser, account))]).toEqual([account, expected])
      expect(browser.cookie(publicUrl, sessionCookie) === undefined).toBe(expected.startsWith('403'))
    }
    await strict.stop()
  })
})

test('a provider that takes the client secret in the body only is served so', async () => {
  const provider = await startRealProvider('client_secret_post')
  const t = await startLoginApp(provider.url)
  expect((await logIn(browserOf(t), 'ada')).status).toBe(302)
  await t.stop()
  await provider.close()
})

test('a provider that is away hinders nothing but logging in, and need not be there at the start; it comes back by itself', async () => {
  const provider = await startRealProvider()
  await provider.close()
  const t = await startLoginApp(provider.url)
  expect((await t.owner('GET', '/prompts')).status).toBe(200)
  const refused = await t.anonymous('GET', '//auth/login')
  expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([503, 'service.unavailable', '5'])
  await provider.open()
  const browser = browserOf(t)
  expect((await logIn(browser, 'ada')).status).toBe(302)
  await provider.close()
  expect((await whoAmI(browser)).person.name).toBe('Ada')
  expect((await fromOurPage(browser, 'POST', '/auth/logout')).status).toBeLessThan(300)
  expect(browser.cookie(publicUrl, sessionCookie)).toBeUndefined()
  await t.stop()
})

describe('without an identity provider', () => {
  test('/auth/… says that nobody can log in, and a cookie is nothing', async () => {
    const t = await startTestApp()
    for (const [method, path] of [
      ['GET', 'login'],
      ['GET', 'callback'],
      ['GET', 'session'],
      ['POST', 'logout'],
    ] as const) {
      const { status, body } = await t.anonymous(method, `//auth/${path}`)
      expect([path, status, body.code]).toEqual([path, 404, 'auth.login_off'])
    }
    expect((await t.anonymous('POST', '//auth/invitations/accept', { token: 'x' })).body.code).toBe('auth.login_off')
    const { status, body } = await t.anonymous('GET', '/prompts', undefined, { cookie: `${sessionCookie}=${'a'.repeat(43)}` })
    expect([status, body.code, body.detail]).toEqual([401, 'auth.required', expect.stringContaining('Bearer')])
    await t.stop()
  })
})

describe('the way there and back', () => {
  let database: TestDatabase
  let provider: ForgedProvider
  let t: TestApp
  beforeAll(async () => {
    database = await cloneDatabase()
    provider = await startForgedProvider()
    t = await startLoginApp(provider.url, { database })
  })
  beforeEach(async () => {
    await database.query('truncate session, login_attempt, member, person, outbox')
    provider.state.asked.length = 0
  })
  afterAll(async () => {
    await t.stop()
    await provider.close()
    await database.drop()
  })
  const sessions = async () => (await database.query<{ n: number }>('select count(*)::int as n from session'))[0]!.n

  test('is authorization code with PKCE, state and nonce, and the registered address whatever the Host says', async () => {
    const browser = browserOf(t)
    const asked = await begin(browser)
    expect(Object.fromEntries(asked)).toMatchObject({
      response_type: 'code',
      client_id: 'prompt-store',
      redirect_uri: redirectUri,
      scope: 'openid email profile',
      code_challenge_method: 'S256',
    })
    expect((await logInAt(provider, browser)).status).toBe(302)
    const { body, authorization } = provider.state.asked.find(({ path }) => path === '/token')!
    const sent = new URLSearchParams(body)
    expect(sent.get('redirect_uri')).toBe(redirectUri)
    const basic = Buffer.from(authorization!.replace('Basic ', ''), 'base64').toString()
    expect(decodeURIComponent(basic)).toBe('prompt-store:client-secret-of-the-tests-0123456789')
    expect(sent.get('code_verifier')).toMatch(/^[\w-]{43}$/)
  })

  test('shows the provider a challenge that only the verifier of this very attempt answers', async () => {
    const browser = browserOf(t)
    const asked = await begin(browser)
    Object.assign(provider.state, { nonce: asked.get('nonce') })
    await browser.ask('GET', `${redirectUri}?code=c&state=${asked.get('state')}`)
    const verifier = new URLSearchParams(provider.state.asked.find(({ path }) => path === '/token')!.body).get('code_verifier')!
    expect(createHash('sha256').update(verifier).digest('base64url')).toBe(asked.get('code_challenge'))
    const again = await begin(browser)
    for (const name of ['state', 'nonce', 'code_challenge']) expect(again.get(name)).not.toBe(asked.get(name))
  })

  test('can be gone once: the same callback a second time, or twice at once, makes one session', async () => {
    const browser = browserOf(t)
    const asked = await begin(browser)
    provider.state.nonce = asked.get('nonce')!
    const callback = `${redirectUri}?code=any&state=${asked.get('state')}`
    const pages = await Promise.all([1, 2, 3].map(() => browser.ask('GET', callback)))
    expect(pages.map(failureOn).sort()).toEqual(['302 undefined', '400 auth.login_failed', '400 auth.login_failed'])
    expect(failureOn(await browser.ask('GET', callback))).toBe('400 auth.login_failed')
    expect(await sessions()).toBe(1)
    expect(provider.state.asked.filter(({ path }) => path === '/token')).toHaveLength(1)
  })

  test('works in several tabs at once', async () => {
    const browser = browserOf(t)
    const [first, second] = [await begin(browser), await begin(browser)]
    for (const asked of [first, second]) {
      provider.state.nonce = asked.get('nonce')!
      expect((await browser.ask('GET', `${redirectUri}?code=any&state=${asked.get('state')}`)).status).toBe(302)
    }
  })

  test('is closed to a state that is missing, made up, changed, or of another browser: nobody is logged in as somebody else', async () => {
    const [victim, attacker] = [browserOf(t), browserOf(t)]
    const own = await begin(victim)
    const foreign = await begin(attacker)
    const changed = `${own.get('state')!.slice(0, -1)}${own.get('state')!.endsWith('A') ? 'B' : 'A'}`
    for (const state of ['', '&state=', `&state=${'a'.repeat(43)}`, `&state=${changed}`, `&state=${foreign.get('state')}`, '&state=%00'])
      expect([state, failureOn(await victim.ask('GET', `${redirectUri}?code=any${state}`))]).toEqual([state, '400 auth.login_failed'])
    victim.dropCookie(publicUrl, loginCookie)
    expect(failureOn(await victim.ask('GET', `${redirectUri}?code=any&state=${own.get('state')}`))).toBe('400 auth.login_failed')
    expect([await sessions(), provider.state.asked.some(({ path }) => path === '/token')]).toEqual([0, false])
  })

  test('is closed after ten minutes', async () => {
    const browser = browserOf(t)
    const asked = await begin(browser)
    await database.query(`update login_attempt set expires_at = now() - interval '1 ms'`)
    expect(failureOn(await browser.ask('GET', `${redirectUri}?code=any&state=${asked.get('state')}`))).toBe('400 auth.login_failed')
  })

  test('leaves nothing in the database by which a login could be finished or a session used', async () => {
    const browser = browserOf(t)
    const asked = await begin(browser)
    const [attempt] = await database.query('select * from login_attempt')
    await logInAt(provider, browser)
    const [session] = await database.query('select * from session')
    const kept = JSON.stringify([attempt, session])
    for (const secret of [
      asked.get('state')!,
      asked.get('nonce')!,
      browser.cookie(publicUrl, loginCookie)!,
      browser.cookie(publicUrl, sessionCookie)!,
    ])
      expect(kept).not.toContain(secret)
  })

  test('leads nowhere but into the service', async () => {
    const foreign = [
      'https://evil.example',
      '//evil.example',
      '/\\evil.example',
      '/%0d%0aLocation:x\r\n',
      'javascript:alert(1)',
      'prompts',
      '/.//evil.example',
      '/\tx',
      '\\\\x',
    ]
    for (const returnTo of foreign) {
      const { status, body } = await t.anonymous('GET', `//auth/login?returnTo=${encodeURIComponent(returnTo)}`)
      expect([returnTo, status, body.code, body.errors?.[0].pointer]).toEqual([returnTo, 400, 'request.invalid', '?returnTo'])
    }
    expect((await logInAt(provider, browserOf(t), {}, '/auth/login?returnTo=/a/b%3Fc%3D//d')).headers.get('location')).toBe('/a/b?c=//d')
    expect((await logInAt(provider, browserOf(t))).headers.get('location')).toBe('/')
  })

  test('ends the session that the browser had: a planted one is not taken over', async () => {
    const [attacker, victim] = [browserOf(t), browserOf(t)]
    await logInAt(provider, attacker, { sub: 'attacker', email: undefined })
    const planted = attacker.cookie(publicUrl, sessionCookie)!
    victim.setCookie(publicUrl, sessionCookie, planted)
    await logInAt(provider, victim)
    expect(victim.cookie(publicUrl, sessionCookie)).not.toBe(planted)
    expect((await whoAmI(victim)).person.email).toBe('ada@example.com')
    expect((await attacker.ask('GET', `${publicUrl}/auth/session`)).status).toBe(401)
    expect(await sessions()).toBe(1)
  })

  test('is told by events in the same transaction, in the workspaces of the person', async () => {
    const browser = browserOf(t)
    await logInAt(provider, browser)
    const { sessionId, person, expiresAt } = await whoAmI(browser)
    await logInAt(provider, browser)
    const second = (await whoAmI(browser)).sessionId
    await fromOurPage(browser, 'POST', '/auth/logout')
    const workspaceId = '00000000-0000-7000-8000-000000000001'
    const of = (type: string, data: object) => ({ type, actor: `user:${person.id}`, workspaceId, data })
    expect(await events(database)).toEqual([
      of('member.created', { personId: person.id, role: 'owner' }),
      of('session.started', { sessionId, expiresAt }),
      of('session.ended', { sessionId, reason: 'replaced' }),
      of('session.started', { sessionId: second, expiresAt: expect.any(String) }),
      of('session.ended', { sessionId: second, reason: 'logout' }),
    ])
  })

  test('knows a person again by issuer and subject, whatever they are called now', async () => {
    const browser = browserOf(t)
    await logInAt(provider, browser, { name: 'Ada' })
    const before = await whoAmI(browser)
    await logInAt(provider, browser, { name: 'Ada Lovelace', email: 'lovelace@example.com' })
    expect(await whoAmI(browser)).toMatchObject({
      person: { id: before.person.id, name: 'Ada Lovelace', email: 'lovelace@example.com' },
      workspaces: before.workspaces,
    })
    await logInAt(provider, browser, { sub: 'another' })
    expect((await whoAmI(browser)).person.id).not.toBe(before.person.id)
  })

  test('an address whose provider does not say whether it is verified counts where the configuration says so, but never one that is not', async () => {
    const trusting = await startLoginApp(provider.url, { database, login: { trustEmail: true } })
    const unsaid = { email_verified: undefined }
    for (const [app, claims, email] of [
      [t, unsaid, null],
      [trusting, unsaid, 'ada@example.com'],
      [trusting, { email_verified: false }, null],
      [t, { email_verified: 'true' }, 'ada@example.com'],
    ] as const) {
      const browser = browserOf(app)
      await logInAt(provider, browser, claims)
      expect((await whoAmI(browser)).person.email).toBe(email)
    }
    await trusting.stop()
  })

  test('failures are pages without secrets for browsers, and problem documents for others; HEAD begins nothing', async () => {
    const browser = browserOf(t)
    const page = await browser.ask(
      'GET',
      `${redirectUri}?error=access_denied&error_description=<script>x</script>&state=secret-state&code=secret-code`,
    )
    expect([failureOn(page), page.headers.get('content-type')]).toEqual(['400 auth.login_failed', 'text/html; charset=utf-8'])
    expect(page.text).not.toMatch(/script|secret/)
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect([page.headers.get('cache-control'), page.headers.get('referrer-policy')]).toEqual(['no-store', 'no-referrer'])
    const { body, headers } = await t.anonymous('GET', '//auth/callback?code=secret-code')
    expect([headers.get('content-type'), body.instance]).toEqual(['application/problem+json; charset=utf-8', '/auth/callback'])
    expect((await t.anonymous('HEAD', '//auth/login')).status).toBe(405)
    expect(await t.anonymous('GET', '//auth/logout')).toMatchObject({ status: 405, body: { code: 'route.method_not_allowed' } })
  })

  test('forgets attempts and sessions that are over, and tells of the sessions', async () => {
    const browser = browserOf(t)
    await logInAt(provider, browser)
    await begin(browser)
    await database.query(`update session set expires_at = now() - interval '1 s'`)
    await database.query(`update login_attempt set expires_at = now() - interval '1 s'`)
    const job = t.app.modules.flatMap(({ jobs = [] }) => jobs).find(({ name }) => name === 'access.purge_logins')!
    const by = { id: 'jobs', workspaceId: '00000000-0000-7000-8000-000000000001', permissions: new Set<string>(), instanceAdmin: false }
    await job.run({}, t.app.runtime.contextFor(by, { requestId: 'purge' }))
    expect(await database.query('select 1 from login_attempt union all select 1 from session')).toEqual([])
    expect((await events(database)).at(-1)).toMatchObject({ type: 'session.ended', data: { reason: 'expired' } })
  })
})
