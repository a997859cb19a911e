import { createHmac, randomBytes } from 'node:crypto'
import { AppError, errorKind } from '../../../core/errors.ts'
import { RequestInvalid } from '../../../core/problem.ts'

export const LoginOff = errorKind({ code: 'auth.login_off', status: 404, title: 'People cannot log in here' })
const LoginFailed = errorKind({ code: 'auth.login_failed', status: 400, title: 'The login did not succeed' })
const LoginRefused = errorKind({ code: 'auth.login_refused', status: 403, title: 'This person may not log in' })

/** How people log in at this installation. */
export type LoginRules = Readonly<{
  /** The origin under which people reach the service, such as `https://prompts.example.com`. */
  publicUrl: string
  /** E-mail domains, in lower case, whose people may log in; empty: all that the identity provider knows. */
  allowedDomains: readonly string[]
  /** Addresses, in lower case, that own the default workspace from their login on. */
  ownerEmails: readonly string[]
  /** Take an address for verified of which the identity provider does not say whether it is. */
  trustEmail: boolean
  /** How long a session lasts at most, and how long without a request. Milliseconds. */
  sessionMs: number
  idleMs: number
}>

/** Who the identity provider says that somebody is; `subject` is unique per issuer and never given to another. */
export type Identity = Readonly<{ issuer: string; subject: string; email?: string; emailVerified?: boolean; name?: string }>

/** What only the browser that began an attempt can show again: `state` comes back in the address, the rest follows from both. */
export type AttemptSecrets = Readonly<{ state: string; nonce: string; verifier: string }>

/** What the context asks of the identity provider. */
export type IdentityProvider = Readonly<{
  /** The address to send a browser to. @throws Unavailable (503) when the provider is away */
  authorizationUrl(secrets: AttemptSecrets): Promise<string>
  /** Where a browser ends its session with the provider too (OpenID Connect RP-Initiated Logout); undefined where there is none, or the provider is away. */
  endSessionUrl(): Promise<string | undefined>
  /**
   * Redeem what the browser came back with.
   * @returns who it is, or why not: `denied` by the person or the provider, `invalid` is an answer that does not stand up
   * @throws Unavailable (503) when the provider is away
   */
  redeem(query: URLSearchParams, secrets: AttemptSecrets): Promise<{ identity: Identity } | { refused: 'denied' | 'invalid' }>
}>

/** How long a person may take to log in at the identity provider. Milliseconds. */
export const attemptMs = 10 * 60_000

/** 256 random bits, 43 characters of base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url')
export const isSecret = (text: string | undefined): text is string => text !== undefined && /^[A-Za-z0-9_-]{43}$/.test(text)

/** Nonce and PKCE verifier of an attempt, so that neither has to be kept. @param browser the secret in the browser's cookie */
export const attemptSecrets = (browser: string, state: string): AttemptSecrets => {
  const derive = (purpose: string) => createHmac('sha256', browser).update(`${purpose}\n${state}`).digest('base64url')
  return { state, nonce: derive('nonce'), verifier: derive('verifier') }
}

/**
 * Where a browser goes after the login: a path of this service alone. `/` without one.
 * @throws RequestInvalid (400) for anything that could lead elsewhere: another origin, `//host`, `/\host`, control characters
 */
export function returnPath(wanted: string | null, publicUrl: string): string {
  if (wanted === null || wanted === '') return '/'
  const plain = /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(wanted) && wanted.length <= 2_000
  if (plain && new URL(wanted, publicUrl).origin === publicUrl && !new URL(wanted, publicUrl).pathname.startsWith('//')) return wanted
  const detail = 'It must be a path of this service, such as /prompts?q=a: one slash first, percent-encoded, at most 2000 characters.'
  throw new AppError(RequestInvalid, `?returnTo: ${detail}`, { errors: [{ pointer: '?returnTo', code: 'return_to.foreign', detail }] })
}

/** The address in lower case when it is certain that it belongs to the person. */
export function verifiedEmail({ email, emailVerified }: Identity, { trustEmail }: Pick<LoginRules, 'trustEmail'>): string | undefined {
  const trusted = emailVerified ?? trustEmail
  return trusted && email !== undefined && /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u.test(email) && email.isWellFormed() && email.length <= 320
    ? email.toLowerCase()
    : undefined
}

/** @throws LoginRefused (403) when only certain domains may log in and the address is of none of them, or not verified */
export function assertMayLogIn(email: string | undefined, { allowedDomains }: Pick<LoginRules, 'allowedDomains'>): void {
  if (allowedDomains.length === 0) return
  if (email === undefined)
    throw new AppError(
      LoginRefused,
      'Only people of certain e-mail domains may log in here, and the identity provider does not vouch for your address. Ask your administrator.',
    )
  if (!allowedDomains.includes(email.slice(email.lastIndexOf('@') + 1)))
    throw new AppError(
      LoginRefused,
      'People of your e-mail domain may not log in here. Log in with another account, or ask your administrator.',
    )
}

export const attemptUnknown = (): AppError =>
  new AppError(
    LoginFailed,
    'This login was not begun in this browser, was finished already, or took longer than 10 minutes. Start again at /auth/login.',
  )

export const refusal = (why: 'denied' | 'invalid'): AppError =>
  why === 'denied'
    ? new AppError(LoginRefused, 'The login was cancelled, or the identity provider refused it. Start again at /auth/login.')
    : new AppError(
        LoginFailed,
        "The identity provider's answer did not stand up to the checks; the log says why. Start again at /auth/login.",
      )
