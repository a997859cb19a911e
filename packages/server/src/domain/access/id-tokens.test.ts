import { exportSPKI, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createIdentityProvider } from '../../infrastructure/oidc/identity-provider.ts'
import { createLog } from '../../infrastructure/telemetry/log.ts'
import type { TestApp } from '../../testing/index.ts'
import { loginCookie, sessionCookie } from './model/sessions.ts'
import {
  begin,
  browserOf,
  clientId,
  clientSecret,
  failureOn,
  logInAt,
  publicUrl,
  redirectUri,
  startLoginApp,
  whoAmI,
} from './testing/login-kit.ts'
import { type ForgedProvider, newSigningKey, startForgedProvider } from './testing/providers.ts'

let provider: ForgedProvider
let attacker: Awaited<ReturnType<typeof newSigningKey>>
let t: TestApp
let log = ''
const remember = (line: string) => {
  log += line
}
beforeAll(async () => {
  provider = await startForgedProvider()
  attacker = await newSigningKey('first')
  t = await startLoginApp(provider.url, { log: createLog('trace', { write: remember }) })
})
beforeEach(() => {
  Object.assign(provider.state, { keys: [provider.key.jwk], sign: provider.key.sign, claims: {}, instead: {}, metadata: {} })
})
afterAll(async () => {
  await t.stop()
  await provider.close()
})

const seconds = (from = 0) => Math.floor(Date.now() / 1000) + from

/** What comes of a login with the token that the provider hands out now, and whether anybody is logged in after it. */
async function outcome(claims: Record<string, unknown> = {}): Promise<string> {
  const browser = browserOf(t)
  const page = await logInAt(provider, browser, claims)
  const inside = browser.cookie(publicUrl, sessionCookie) !== undefined
  return `${failureOn(page)}${inside ? ', logged in' : ''}`
}
const entered = '302 undefined, logged in'
const refused = '400 auth.login_failed'

test('the right token lets its person in', async () => expect(await outcome()).toBe(entered))

test.each(['ES256', 'PS256', 'EdDSA'])('a token signed by %s is as good', async (alg) => {
  const key = await newSigningKey(`key-${alg}`, alg)
  Object.assign(provider.state, { keys: [key.jwk], sign: key.sign })
  expect(await outcome()).toBe(entered)
})

test('a token signed in a way that the provider did not announce is refused', async () => {
  const key = await newSigningKey('key-RS512', 'RS512')
  Object.assign(provider.state, { keys: [key.jwk], sign: key.sign })
  expect(await outcome()).toBe(refused)
})

test('a name is kept as it can be shown, an address only if it is one', async () => {
  const browser = browserOf(t)
  await logInAt(provider, browser, { name: ' A\u0000da\n\ud800 ', email: 'a\u0000@example.com' })
  expect((await whoAmI(browser)).person).toMatchObject({ name: 'A da \ufffd', email: null })
  await logInAt(provider, browser, { name: 7, preferred_username: 'x'.repeat(300), email: ['ada@example.com'] })
  expect((await whoAmI(browser)).person).toMatchObject({ name: 'x'.repeat(200), email: null })
})

describe('a token is refused whose signature is no proof:', () => {
  const hs256 =
    (secret: string | Uint8Array, header: object = {}) =>
    (claims: JWTPayload) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', kid: 'first', ...header })
        .sign(typeof secret === 'string' ? new TextEncoder().encode(secret) : secret)
  const attacks: [name: string, sign: (claims: JWTPayload) => string | Promise<string>][] = [
    ['none at all (alg none)', (claims) => new UnsecuredJWT(claims).encode()],
    [
      'none, with a signature that stays',
      async (claims) => new UnsecuredJWT(claims).encode() + (await provider.key.sign(claims)).split('.')[2],
    ],
    ['HS256 with the public key as the secret (PEM)', async (claims) => hs256(await exportSPKI(provider.key.publicKey))(claims)],
    [
      'HS256 with the public key as the secret (PEM without its last line break)',
      async (claims) => hs256((await exportSPKI(provider.key.publicKey)).trim())(claims),
    ],
    ['HS256 with the public key as the secret (JWK)', (claims) => hs256(JSON.stringify(provider.key.jwk))(claims)],
    ['HS256 with the modulus as the secret', (claims) => hs256(Buffer.from(provider.key.jwk.n!, 'base64url'))(claims)],
    ['HS256 with the client secret', (claims) => hs256(clientSecret)(claims)],
    ["another key under the provider's kid", (claims) => attacker.sign(claims)],
    [
      'a key that the header brings along (jwk)',
      (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'RS256', jwk: attacker.jwk }).sign(attacker.privateKey),
    ],
    [
      'a key that the header points to (jku)',
      (claims) =>
        new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'first', jku: `${provider.url}/evil` }).sign(attacker.privateKey),
    ],
    ['a key that nobody published', async (claims) => (await newSigningKey('unknown')).sign(claims)],
    [
      'claims changed afterwards',
      async (claims) => {
        const [head, , signature] = (await provider.key.sign(claims)).split('.')
        return [head, Buffer.from(JSON.stringify({ ...claims, sub: 'admin' })).toString('base64url'), signature].join('.')
      },
    ],
    [
      'a critical header that we do not know',
      (claims) =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: 'RS256', kid: 'first', crit: ['x'], x: 1 } as never)
          .sign(provider.key.privateKey, { crit: { x: true } }),
    ],
    ['no token', () => 'not.a.token'],
    ['an empty text', () => ''],
    ['five parts, as if encrypted', () => 'a.b.c.d.e'],
  ]
  test.each(attacks)('%s', async (_name, sign) => {
    provider.state.sign = async (claims) => sign(claims)
    provider.state.instead['/evil'] = (_request, response) => void response.end(JSON.stringify({ keys: [attacker.jwk] }))
    provider.state.asked.length = 0
    expect(await outcome()).toBe(refused)
    expect(provider.state.asked.map(({ path }) => path)).not.toContain('/evil')
  })
})

describe('a token is refused, though well signed, that is', () => {
  const wrong: [name: string, claims: Record<string, unknown>][] = [
    ['for another audience', { aud: 'another-client' }],
    ['for several audiences and another authorized party', { aud: ['prompt-store', 'another'], azp: 'another' }],
    ['for an audience that only begins like ours', { aud: 'prompt-store-2' }],
    ['for nobody', { aud: undefined }],
    ['of another issuer', { iss: 'https://evil.example' }],
    ['of no issuer', { iss: undefined }],
    ['expired a minute ago', { exp: seconds(-60), iat: seconds(-600) }],
    ['without an end', { exp: undefined }],
    ['with an end that is a text', { exp: String(seconds(600)) }],
    ['not valid yet', { nbf: seconds(600) }],
    ['without the time of its making', { iat: undefined }],
    ['of another nonce', { nonce: 'a'.repeat(43) }],
    ['without a nonce', { nonce: undefined }],
    ['about nobody', { sub: undefined }],
    ['about an empty name', { sub: '' }],
    ['about a number', { sub: 7 }],
    ['about a name that cannot be stored', { sub: 'a\u0000b' }],
    ['about a name of 256 characters', { sub: 'a'.repeat(256) }],
  ]
  test.each(wrong)('%s', async (_name, claims) => expect(await outcome(claims)).toBe(refused))

  test('of an earlier login: a replayed token, whose nonce is not the one of this attempt', async () => {
    let earlier = ''
    provider.state.sign = async (claims) => {
      earlier = await provider.key.sign(claims)
      return earlier
    }
    expect(await outcome()).toBe(entered)
    provider.state.sign = async () => earlier
    expect(await outcome()).toBe(refused)
  })
})

test('clocks may differ by half a minute', async () => {
  expect(await outcome({ exp: seconds(-15) })).toBe(entered)
  expect(await outcome({ iat: seconds(15), nbf: seconds(15) })).toBe(entered)
})

describe('when keys are rotated', () => {
  test('the new ones are fetched at once, and the old ones are worth nothing', async () => {
    expect(await outcome()).toBe(entered)
    const second = await newSigningKey('second')
    Object.assign(provider.state, { keys: [second.jwk], sign: second.sign })
    provider.state.asked.length = 0
    expect(await outcome()).toBe(entered)
    expect(provider.state.asked.filter(({ path }) => path === '/jwks')).toHaveLength(1)
    expect(await outcome()).toBe(entered)
    expect(provider.state.asked.filter(({ path }) => path === '/jwks')).toHaveLength(1)
    provider.state.sign = provider.key.sign
    expect(await outcome()).toBe(refused)
  })

  test('both hold while both are published', async () => {
    const second = await newSigningKey('third')
    Object.assign(provider.state, { keys: [provider.key.jwk, second.jwk], sign: second.sign })
    expect(await outcome()).toBe(entered)
    provider.state.sign = provider.key.sign
    expect(await outcome()).toBe(entered)
  })
})

describe('a provider that', () => {
  const answer =
    (status: number, body: string, type = 'application/json') =>
    (_request: unknown, response: import('node:http').ServerResponse) =>
      void response.writeHead(status, { 'content-type': type }).end(body)

  test.each([
    ['does not know the code', answer(400, '{"error":"invalid_grant"}'), refused],
    ['does not know us', answer(401, '{"error":"invalid_client"}'), refused],
    ['answers what is no JSON', answer(200, '<html>', 'text/html'), refused],
    ['answers without a token', answer(200, '{"access_token":"a","token_type":"bearer"}'), refused],
    ['fails', answer(500, '{"error":"server_error"}'), '503 service.unavailable'],
    ['is being deployed', answer(502, 'Bad gateway', 'text/plain'), '503 service.unavailable'],
    ['cuts the connection', (request: import('node:http').IncomingMessage) => void request.socket.destroy(), '503 service.unavailable'],
  ])('%s lets nobody in', async (_name, listener, expected) => {
    provider.state.instead['/token'] = listener as never
    expect(await outcome()).toBe(expected)
  })

  test('cannot give its keys just now is asked again at the next login', async () => {
    const key = await newSigningKey('fourth')
    Object.assign(provider.state, { keys: [key.jwk], sign: key.sign })
    provider.state.instead['/jwks'] = answer(500, '')
    expect(await outcome()).toBe('503 service.unavailable')
    delete provider.state.instead['/jwks']
    expect(await outcome()).toBe(entered)
  })

  test('sends people back with an error lets nobody in, and its words go nowhere', async () => {
    const browser = browserOf(t)
    const asked = await begin(browser)
    const page = await browser.ask('GET', `${redirectUri}?error=access_denied&error_description=<b>Hunter2</b>&state=${asked.get('state')}`)
    expect(failureOn(page)).toBe('403 auth.login_refused')
    expect(page.text).not.toContain('Hunter2')
  })

  test('is not the one that was asked (RFC 9207) is refused', async () => {
    const careful = await startForgedProvider()
    careful.state.metadata = { authorization_response_iss_parameter_supported: true }
    careful.state.nonce = 'n'
    const client = createIdentityProvider({ issuer: careful.url, clientId, clientSecret, scopes: 'openid', redirectUri }, () => undefined)
    const secrets = { state: 's', nonce: 'n', verifier: 'v'.repeat(43) }
    const came = (iss: object) => client.redeem(new URLSearchParams({ code: 'c', state: 's', ...iss }), secrets)
    expect(await came({ iss: 'https://evil.example' })).toEqual({ refused: 'invalid' })
    expect(await came({})).toEqual({ refused: 'invalid' })
    expect(await came({ iss: careful.url })).toMatchObject({ identity: { issuer: careful.url, subject: 'ada' } })
    await careful.close()
  })

  test('says that it is somebody else, or nothing of use, keeps people out with 503 and says why in the log', async () => {
    for (const [metadata, listener, why] of [
      [{ issuer: 'https://evil.example' }, undefined, 'issuer'],
      [{ jwks_uri: undefined }, undefined, 'jwks_uri'],
      [{}, answer(404, ''), 'status code'],
      [{}, answer(200, '{'), 'pars'],
    ] as const) {
      const odd = await startForgedProvider()
      odd.state.metadata = metadata
      if (listener) odd.state.instead['/.well-known/openid-configuration'] = listener as never
      const told: unknown[] = []
      const settings = { issuer: odd.url, clientId, clientSecret, scopes: 'openid', redirectUri }
      const asked = createIdentityProvider(settings, (...line) => told.push(line)).authorizationUrl({
        state: 's',
        nonce: 'n',
        verifier: 'v',
      })
      await expect(asked).rejects.toMatchObject({ kind: { status: 503 } })
      expect(told).toEqual([['the identity provider cannot be used just now', { reason: expect.stringContaining(why) }]])
      await odd.close()
    }
  })

  test.each(['/.well-known/openid-configuration', '/token', '/jwks'])('never answers at %s is not waited for', async (path) => {
    const silent = await startForgedProvider()
    silent.state.instead[path] = () => undefined
    silent.state.nonce = 'n'
    const settings = { issuer: silent.url, clientId, clientSecret, scopes: 'openid', redirectUri, patienceMs: 300 }
    const client = createIdentityProvider(settings, () => undefined)
    const asked = client.redeem(new URLSearchParams({ code: 'c', state: 's' }), { state: 's', nonce: 'n', verifier: 'v'.repeat(43) })
    await expect(asked).rejects.toMatchObject({ kind: { status: 503 }, extras: { headers: { 'Retry-After': '5' } } })
    await silent.close()
  })
})

test('no code, state, token or secret reaches the log, whatever happens', async () => {
  const browser = browserOf(t)
  const secrets = [clientSecret, 'any-code']
  provider.state.sign = async (claims) => {
    const token = await provider.key.sign(claims)
    secrets.push(token, token.split('.')[2]!)
    return token
  }
  await logInAt(provider, browser)
  secrets.push(browser.cookie(publicUrl, sessionCookie)!, browser.cookie(publicUrl, loginCookie)!, (await whoAmI(browser)).csrfToken)
  await browser.ask('POST', `${publicUrl}/auth/logout`, { headers: { origin: publicUrl, 'x-csrf-token': 'wrong' } })
  for (const claims of [{ aud: 'x' }, { nonce: 'x' }, { exp: 1 }]) await logInAt(provider, browser, claims)
  provider.state.instead['/token'] = (request) => void request.socket.destroy()
  await logInAt(provider, browser)
  expect(log).toContain('a login was refused')
  expect(log).toContain('the identity provider cannot be used just now')
  for (const secret of secrets) expect(log.includes(secret), secret).toBe(false)
  expect(log).not.toMatch(/state=|code=/)
})
