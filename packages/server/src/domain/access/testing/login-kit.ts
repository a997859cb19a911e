import type { AppOptions } from '../../../app.ts'
import { startTestApp, type TestApp, type TestDatabase } from '../../../testing/index.ts'
import { type Browser, openBrowser, type Page } from './browser.ts'

/** Where people reach the service: a proxy with TLS stands in front, so to say. */
export const publicUrl = 'https://prompts.example'
export const clientId = 'prompt-store'
export const clientSecret = 'client-secret-of-the-tests-0123456789'
export const redirectUri = `${publicUrl}/auth/callback`
export const postLogoutUrl = `${publicUrl}/goodbye`

type LoginOptions = NonNullable<AppOptions['login']>

const loginOptions = (issuer: string, more: Partial<LoginOptions> = {}): LoginOptions => ({
  issuer,
  clientId,
  clientSecret,
  scopes: 'openid email profile',
  publicUrl,
  allowedDomains: [],
  ownerEmails: ['ada@example.com'],
  trustEmail: false,
  sessionMs: 12 * 3_600_000,
  idleMs: 3_600_000,
  ...more,
})

export const startLoginApp = (
  issuer: string,
  { login = {}, ...options }: { login?: Partial<LoginOptions>; database?: TestDatabase } & Partial<Omit<AppOptions, 'login'>> = {},
): Promise<TestApp> => startTestApp({ ...options, login: loginOptions(issuer, login) })

/** A browser that reaches the service through its public address. */
export const browserOf = (t: TestApp): Browser => openBrowser(() => ({ [publicUrl]: t.url }))

const leavesAuth = (next: URL): boolean => next.origin === publicUrl && !next.pathname.startsWith('/auth/')

/** Log in at an oidc-provider by its own pages, as a person does. @returns the last answer of ours: the redirect into the service, or a failure */
export async function logIn(browser: Browser, account: string, path = '/auth/login'): Promise<Page> {
  let page = await browser.follow(await browser.ask('GET', publicUrl + path), leavesAuth)
  for (const form of [`prompt=login&login=${account}&password=any`, 'prompt=consent']) {
    const action = /<form[^>]* action="([^"]+)"/.exec(page.text)?.[1]
    if (!action || page.url.origin === publicUrl) return page
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    page = await browser.follow(await browser.ask('POST', new URL(action, page.url).href, { headers, body: form }), leavesAuth)
  }
  return page
}

export type Me = {
  sessionId: string
  person: { id: string; email: string | null; name: string | null }
  workspaces: { id: string; name: string; role: string; permissions: string[] }[]
  csrfToken: string
  expiresAt: string
}

/** Who the browser is logged in as. */
export const whoAmI = async (browser: Browser): Promise<Me> =>
  JSON.parse((await browser.ask('GET', `${publicUrl}/auth/session`, { headers: { accept: 'application/json' } })).text)

/** A call of the API from a page of ours: with the cookie, the CSRF token and what browsers send along. */
export async function fromOurPage(browser: Browser, method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const { csrfToken } = await whoAmI(browser)
  const page = await browser.ask(method, publicUrl + path, {
    headers: {
      accept: 'application/json',
      ...(body && { 'content-type': 'application/json' }),
      origin: publicUrl,
      'sec-fetch-site': 'same-origin',
      'x-csrf-token': csrfToken,
      ...headers,
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  return { ...page, body: page.text === '' ? undefined : JSON.parse(page.text) }
}

/** Log in at a provider made by hand, which asks nobody anything. @param claims those that differ from the right ones; undefined: left out */
export async function logInAt(
  provider: { state: { nonce: string; claims: object } },
  browser: Browser,
  claims: Readonly<Record<string, unknown>> = {},
  path = '/auth/login',
): Promise<Page> {
  const asked = await begin(browser, path)
  Object.assign(provider.state, { nonce: asked.get('nonce'), claims })
  return browser.ask('GET', `${redirectUri}?code=any-code&state=${asked.get('state')}`)
}

/** Begin a login. @returns what the service asks of the provider */
export async function begin(browser: Browser, path = '/auth/login'): Promise<URLSearchParams> {
  const page = await browser.ask('GET', publicUrl + path)
  if (page.status !== 302) throw new Error(`/auth/login answered ${page.status}: ${page.text}`)
  return new URL(page.headers.get('location')!).searchParams
}

/** The code of the failure that a page of ours tells of. */
export const failureOn = ({ status, text }: Page): string => `${status} ${/<code>([a-z_.]+)<\/code>/.exec(text)?.[1]}`
