import { Type } from 'typebox'
import type { Principal } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { cookieOf, hostCookie } from '../../../core/http/cookies.ts'
import type { RootRequest, RootRoute } from '../../../core/http/root.ts'
import type { Origin } from '../../../core/runtime.ts'
import { Strict } from '../../../core/schemas.ts'
import { acceptInvitation } from '../commands/accept-invitation.ts'
import { beginLogin, finishLogin, type LoginParts, logOut } from '../commands/log-in.ts'
import { defaultWorkspaceId } from '../model/keys.ts'
import { attemptMs, LoginOff } from '../model/login.ts'
import { csrfTokenOf, loginCookie, type Session, sessionCookie } from '../model/sessions.ts'
import { type SessionGate, tokenOf } from '../session-gate.ts'

export type LoginWeb = LoginParts & Readonly<{ gate: SessionGate; contextFor: (principal: Principal, origin: Origin) => Ctx }>

const addresses = [
  { method: 'GET', path: '/auth/login' },
  { method: 'GET', path: '/auth/callback' },
  { method: 'GET', path: '/auth/session' },
  { method: 'POST', path: '/auth/logout' },
  { method: 'POST', path: '/auth/invitations/accept', body: Strict({ token: Type.String({ minLength: 1, maxLength: 1_000 }) }) },
] as const
const [login, callback, session, logout, accept] = addresses

/** Somebody of whom nothing is known, or not in which workspace: may nothing. */
const nobody = (id = 'anonymous', workspaceId = defaultWorkspaceId): Principal => ({
  id,
  workspaceId,
  permissions: new Set(),
  instanceAdmin: false,
})

/** `/auth/…` where people cannot log in. */
export const closedRoutes: readonly RootRoute[] = addresses.map((address) => ({
  ...address,
  handle: async () => {
    throw new AppError(
      LoginOff,
      'Single sign-on is not set up. Use a key (Authorization: Bearer <key>), or set OIDC_ISSUER and what belongs to it.',
    )
  },
}))

/** `/auth/…`: how people come in and leave. */
export const loginRoutes = ({ gate, contextFor, ...parts }: LoginWeb): readonly RootRoute[] => [
  {
    ...login,
    again: { href: '/auth/login', text: 'Try again' },
    async handle({ headers, query, origin }) {
      const browser = cookieOf(headers.cookie, loginCookie)
      const begun = await beginLogin(parts)({ returnTo: query.get('returnTo'), browser }, contextFor(nobody(), origin))
      return { status: 302, headers: { Location: begun.url }, cookies: [hostCookie(loginCookie, begun.browser, attemptMs / 1000)] }
    },
  },
  {
    ...callback,
    again: { href: '/auth/login', text: 'Log in again' },
    async handle({ headers, query, origin }) {
      const browser = cookieOf(headers.cookie, loginCookie)
      const entered = await finishLogin(parts)({ query, browser, oldToken: tokenOf(headers) }, contextFor(nobody(), origin))
      const seconds = Math.floor(parts.rules.sessionMs / 1000)
      return { status: 302, headers: { Location: entered.returnTo }, cookies: [hostCookie(sessionCookie, entered.token, seconds)] }
    },
  },
  {
    ...session,
    async handle({ headers }) {
      const known = await gate.identify(headers, 'GET')
      return { status: 200, body: describe(known.session, known.token) }
    },
  },
  {
    ...logout,
    async handle({ headers, origin }) {
      const known = await gate.identify(headers, 'POST').catch(unlessUnknown)
      if (known) await logOut(parts)({ token: known.token }, contextFor(nobody(`user:${known.session.person.id}`), origin))
      const endSessionUrl = known && (await parts.provider.endSessionUrl())
      const cookies = [hostCookie(sessionCookie, '', 0)]
      return endSessionUrl === undefined ? { status: 204, cookies } : { status: 200, cookies, body: { endSessionUrl } }
    },
  },
  {
    ...accept,
    async handle({ headers, body, origin }: RootRequest) {
      const { person } = (await gate.identify(headers, 'POST')).session
      const within = (workspaceId?: string) => contextFor(nobody(`user:${person.id}`, workspaceId), origin)
      const { token } = body as { token: string }
      return { status: 201, body: await acceptInvitation({ token, person }, within(), within) }
    },
  },
]

/** Who is not logged in has nothing to log out of. */
function unlessUnknown(error: unknown): undefined {
  if (error instanceof AppError && error.kind.status === 401) return undefined
  throw error
}

/** Who is logged in, where they are what, and the token that their changes must carry. */
const describe = ({ id, person, memberships, expiresAt }: Session, token: string) => ({
  sessionId: id,
  person,
  workspaces: memberships.map(({ workspaceId, workspaceName, principal }) => ({
    id: workspaceId,
    name: workspaceName,
    role: principal.roles?.[0],
    permissions: [...principal.permissions].sort(),
  })),
  csrfToken: csrfTokenOf(token),
  expiresAt,
})
