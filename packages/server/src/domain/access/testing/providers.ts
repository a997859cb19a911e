import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import Provider from 'oidc-provider'
import { clientId, clientSecret, postLogoutUrl, redirectUri } from './login-kit.ts'

/** A server on a port of its own that can go away and come back at the same address. */
async function serve(listenerOf: (url: string) => RequestListener) {
  const sockets = new Set<Socket>()
  let server: Server
  let listener: RequestListener
  let port = 0
  const open = () =>
    new Promise<void>((resolve) => {
      server = createServer((request, response) => listener(request, response))
      server.on('connection', (socket) => {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
      })
      server.listen(port, '127.0.0.1', resolve)
    })
  listener = (_request, response) => response.writeHead(503).end()
  await open()
  port = (server!.address() as AddressInfo).port
  const url = `http://127.0.0.1:${port}`
  listener = listenerOf(url)
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  return { url, open, close }
}

const accounts: Readonly<Record<string, object>> = {
  ada: { email: 'Ada@Example.com', email_verified: true, name: 'Ada' },
  bob: { email: 'bob@example.com', email_verified: true, name: 'Bob' },
  mallory: { email: 'ada@example.com', email_verified: false, name: 'Mallory' },
  eve: { email: 'eve@elsewhere.org', email_verified: true },
}

/** oidc-provider, a certified identity provider, with its own pages to log in and consent. Any password will do. */
export function startRealProvider(auth: 'client_secret_basic' | 'client_secret_post' = 'client_secret_basic') {
  return serve((issuer) =>
    new Provider(issuer, {
      clients: [
        {
          client_id: clientId,
          client_secret: clientSecret,
          redirect_uris: [redirectUri],
          post_logout_redirect_uris: [postLogoutUrl],
          token_endpoint_auth_method: auth,
        },
      ],
      clientAuthMethods: [auth],
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
      pkce: { required: () => true },
      findAccount: (_ctx: unknown, sub: string) => ({ accountId: sub, claims: () => ({ sub, ...accounts[sub] }) }),
      cookies: { keys: ['cookie-key-of-the-tests'] },
    }).callback(),
  )
}

type Signer = (claims: JWTPayload) => Promise<string>

/** A key pair of RSA or the like, as a provider publishes and uses it. */
export async function newSigningKey(kid: string, alg = 'RS256') {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
  const sign: Signer = (claims) => new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(privateKey)
  return { jwk, publicKey, privateKey, sign }
}

/** A provider made by hand, in whose power everything is: what it says of itself, its keys, and the tokens that it hands out. */
export async function startForgedProvider() {
  const key = await newSigningKey('first')
  const state = {
    keys: [key.jwk] as object[],
    /** Makes the ID token of right claims; change it to hand out a wrong one. */
    sign: key.sign as Signer,
    claims: {} as JWTPayload,
    /** Answers instead, by path. */
    instead: {} as Record<string, RequestListener>,
    metadata: {} as object,
    asked: [] as { path: string; body: string; authorization: string | undefined }[],
    /** The nonce that the last login asked for; the redirect tells it. */
    nonce: '',
  }
  const server = await serve((issuer) => async (request, response) => {
    const { pathname } = new URL(request.url!, issuer)
    let body = ''
    for await (const chunk of request) body += chunk
    state.asked.push({ path: pathname, body, authorization: request.headers.authorization })
    const json = (value: object) => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    const other = state.instead[pathname]
    if (other) return other(request, response)
    if (pathname === '/.well-known/openid-configuration') return json({ ...metadataOf(issuer), ...state.metadata })
    if (pathname === '/jwks') return json({ keys: state.keys })
    if (pathname !== '/token') return void response.writeHead(404).end()
    const now = Math.floor(Date.now() / 1000)
    const right = {
      iss: issuer,
      sub: 'ada',
      aud: clientId,
      iat: now,
      exp: now + 300,
      nonce: state.nonce,
      email: 'ada@example.com',
      email_verified: true,
    }
    const claims = Object.fromEntries(Object.entries({ ...right, ...state.claims }).filter(([, value]) => value !== undefined))
    json({ access_token: 'access', token_type: 'Bearer', expires_in: 300, id_token: await state.sign(claims) })
  })
  return { ...server, key, state }
}
export type ForgedProvider = Awaited<ReturnType<typeof startForgedProvider>>

/** It claims to sign in every way there is, the forbidden ones too. */
const metadataOf = (issuer: string) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
  response_types_supported: ['code'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['RS256', 'ES256', 'EdDSA', 'PS256', 'HS256', 'none'],
  code_challenge_methods_supported: ['S256'],
})
