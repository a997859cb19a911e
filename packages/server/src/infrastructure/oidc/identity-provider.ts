import { createRemoteJWKSet, type JWTPayload, type JWTVerifyGetKey, errors as jose, jwtVerify } from 'jose'
import * as oidc from 'openid-client'
import { unavailable } from '../../core/problem.ts'

export type ProviderSettings = Readonly<{
  issuer: string
  clientId: string
  clientSecret: string
  /** Separated by spaces; `openid` among them. */
  scopes: string
  redirectUri: string
  /** Where the provider sends people after they logged out there, if it knows the address; absent: it keeps them. */
  postLogoutUrl?: string | undefined
  /** The longest wait for one answer of the provider, in milliseconds; 5 s unless told. */
  patienceMs?: number
}>

/** Where a browser ends the provider's own session; undefined for a provider that knows no such address. */
function endSessionUrlOf({ client }: Provider, { postLogoutUrl }: ProviderSettings): string | undefined {
  if (client.serverMetadata().end_session_endpoint === undefined) return undefined
  return oidc.buildEndSessionUrl(client, postLogoutUrl === undefined ? {} : { post_logout_redirect_uri: postLogoutUrl }).href
}

type Secrets = Readonly<{ state: string; nonce: string; verifier: string }>
type Identity = Readonly<{ issuer: string; subject: string; email?: string; emailVerified?: boolean; name?: string }>
type Provider = Readonly<{ client: oidc.Configuration; keys: JWTVerifyGetKey; issuer: string; hasUserInfo: boolean }>
type Log = (message: string, details: object) => void

const defaultPatienceMs = 5_000
/** How long the provider's metadata are believed, in milliseconds. */
const metadataMs = 3_600_000
/** By how much the provider's clock may differ from ours. Seconds. */
const clockToleranceSeconds = 30
/** Signatures by a private key alone: never `none`, never a secret that the provider's public key could be taken for. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

/**
 * An OpenID provider: authorization code flow with PKCE. It is asked for its metadata at the first login, not before.
 * openid-client runs the flow and checks the claims (issuer, audience, times, nonce, state); it takes the token for
 * genuine because TLS brought it, so the signature is checked here as well, with keys that are fetched again for an
 * unknown `kid`.
 */
export function createIdentityProvider(settings: ProviderSettings, log: Log) {
  const current = remembered(() => discover(settings), metadataMs)
  const provider = () =>
    current().catch((error: unknown) => {
      throw away(error, log)
    })
  return {
    /** Our own session has ended already, so a provider that is away, or names no good address, is no failure. */
    endSessionUrl: (): Promise<string | undefined> =>
      provider()
        .then((known) => endSessionUrlOf(known, settings))
        .catch(() => undefined),
    async authorizationUrl({ state, nonce, verifier }: Secrets): Promise<string> {
      const { client } = await provider()
      const parameters = {
        redirect_uri: settings.redirectUri,
        scope: settings.scopes,
        state,
        nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      }
      return oidc.buildAuthorizationUrl(client, parameters).href
    },

    async redeem(query: URLSearchParams, secrets: Secrets): Promise<{ identity: Identity } | { refused: 'denied' | 'invalid' }> {
      const found = await provider()
      try {
        return { identity: await redeem(found, settings, query, secrets) }
      } catch (error) {
        if (isAway(error)) throw away(error, log)
        log('a login was refused', { reason: reasonOf(error) })
        return { refused: error instanceof oidc.AuthorizationResponseError ? 'denied' : 'invalid' }
      }
    },
  }
}

async function discover({ issuer, clientId, clientSecret, patienceMs = defaultPatienceMs }: ProviderSettings): Promise<Provider> {
  const url = new URL(issuer)
  const isLocal = url.protocol === 'http:' // the configuration takes that on loopback alone
  const client = await oidc.discovery(
    url,
    clientId,
    { client_secret: clientSecret, [oidc.clockTolerance]: clockToleranceSeconds },
    authenticationBy(clientSecret),
    { timeout: patienceMs / 1000, execute: isLocal ? [oidc.allowInsecureRequests] : [] },
  )
  const { jwks_uri: jwksUri, issuer: named, userinfo_endpoint: userInfo } = client.serverMetadata()
  if (!jwksUri || !(isLocal || jwksUri.startsWith('https:'))) throw new Error('the metadata of the provider name no jwks_uri over https')
  const keys = createRemoteJWKSet(new URL(jwksUri), { timeoutDuration: patienceMs, cooldownDuration: 0 })
  return { client, keys, issuer: named, hasUserInfo: userInfo !== undefined }
}

/**
 * The client secret in the body where the provider takes that: of the header some decode the percent signs, and some
 * do not. A provider that says nothing takes the header (OpenID Connect Discovery §3).
 */
function authenticationBy(clientSecret: string): oidc.ClientAuth {
  const [inBody, inHeader] = [oidc.ClientSecretPost(clientSecret), oidc.ClientSecretBasic(clientSecret)]
  return (server, ...request) =>
    (server.token_endpoint_auth_methods_supported?.includes('client_secret_post') ? inBody : inHeader)(server, ...request)
}

async function redeem(provider: Provider, settings: ProviderSettings, query: URLSearchParams, secrets: Secrets): Promise<Identity> {
  // The address that was registered, never the Host that a caller names.
  const came = new URL(settings.redirectUri)
  came.search = query.toString()
  const tokens = await oidc.authorizationCodeGrant(provider.client, came, {
    pkceCodeVerifier: secrets.verifier,
    expectedState: secrets.state,
    expectedNonce: secrets.nonce,
    idTokenExpected: true,
  })
  const { payload } = await jwtVerify(tokens.id_token!, provider.keys, {
    algorithms,
    issuer: provider.issuer,
    audience: settings.clientId,
    clockTolerance: clockToleranceSeconds,
    requiredClaims: ['sub', 'exp', 'iat', 'nonce'],
  })
  const subject = payload.sub!
  // OpenID Connect Core §2: at most 255 ASCII characters.
  if (!/^[\x20-\x7e]{1,255}$/.test(subject)) throw new Error('the "sub" claim is empty or of a wrong form')
  if (payload.email !== undefined || !provider.hasUserInfo) return identityOf(provider.issuer, payload)
  const more = await oidc.fetchUserInfo(provider.client, tokens.access_token, subject)
  return identityOf(provider.issuer, { ...payload, email_verified: undefined, ...more })
}

function identityOf(issuer: string, { sub, email, email_verified: verified, name, preferred_username: nick }: JWTPayload): Identity {
  const called = [name, nick].map(shownName).find((text) => text !== '')
  return {
    issuer,
    subject: sub!,
    ...(typeof email === 'string' && { email }),
    // Some providers write the truth as a text.
    ...(verified !== undefined && { emailVerified: verified === true || verified === 'true' }),
    ...(called && { name: called }),
  }
}

/** A name as it can be stored and shown: without control characters and halves of characters, at most 200 long. */
const shownName = (text: unknown): string =>
  typeof text === 'string'
    ? text
        .replace(/\p{Cc}/gu, ' ')
        .trim()
        .slice(0, 200)
        .toWellFormed()
    : ''

/** Whether a failure is for want of an answer, so that another try may succeed. */
function isAway(error: unknown): boolean {
  if (error instanceof oidc.ResponseBodyError) return error.status >= 500
  if (error instanceof jose.JWKSTimeout) return true
  if (error instanceof TypeError) return error.cause !== undefined // fetch failed
  const { code, cause } = error as { code?: string; cause?: unknown }
  if (code === 'OAUTH_TIMEOUT' || code === 'ERR_JOSE_GENERIC') return true
  return cause instanceof Response && cause.status >= 500
}

function away(error: unknown, log: Log): Error {
  log('the identity provider cannot be used just now', { reason: reasonOf(error) })
  return unavailable(
    'The identity provider cannot be reached or does not answer as it should, so nobody can log in just now. Try again in a moment.',
    5,
  )
}

/** What went wrong, in the libraries' fixed words: they name claims, never tokens. */
function reasonOf(error: unknown): string {
  const { code, message, cause, error: answered } = error as { code?: string; message?: string; cause?: unknown; error?: string }
  const below = cause instanceof Error ? `: ${cause.message}` : ''
  return [code, answered?.slice(0, 100), `${message}${below}`].filter((part) => part !== undefined).join(' ')
}

/** Make something once for all who ask meanwhile, and anew when it is too old; a failure is not kept. */
function remembered<T>(make: () => Promise<T>, maxAgeMs: number): () => Promise<T> {
  let known: { at: number; value: Promise<T> } | undefined
  return () => {
    if (known && performance.now() - known.at < maxAgeMs) return known.value
    const made = { at: performance.now(), value: make() }
    known = made
    made.value.catch(() => {
      if (known === made) known = undefined
    })
    return made.value
  }
}
