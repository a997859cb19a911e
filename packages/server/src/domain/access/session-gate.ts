import type { Principal } from '../../core/access.ts'
import { AppError } from '../../core/errors.ts'
import { cookieOf } from '../../core/http/cookies.ts'
import { Unauthenticated } from '../../core/problem.ts'
import { isSecret } from './model/login.ts'
import { assertOwnPage, chooseWorkspace, isSafe, type Session, sessionCookie } from './model/sessions.ts'
import type { SessionMemory } from './session-memory.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Who is calling by a session's cookie. */
export type SessionGate = Readonly<{
  /** Whether a request shows a session's cookie at all, good or not. */
  isShown(headers: Headers): boolean
  /** The session of a request; what changes something must come from our own page. @throws Unauthenticated (401), CsrfRefused (403), Unavailable (503) */
  identify(headers: Headers, method: string): Promise<{ token: string; session: Session }>
  /** The same as a principal of the workspace that `X-Workspace` chooses. @throws NotAMember (403), WorkspaceNotYours (404), WorkspaceNeeded (400) */
  authenticate(headers: Headers, method: string): Promise<Principal>
}>

export function createSessionGate(memory: SessionMemory, publicUrl: string): SessionGate {
  const identify: SessionGate['identify'] = async (headers, method) => {
    const token = tokenOf(headers)
    const session = isSecret(token) ? await memory.find(token) : undefined
    if (token === undefined || !session)
      throw new AppError(Unauthenticated, 'You are not logged in, or your session has ended. Log in at /auth/login.', {
        headers: { 'WWW-Authenticate': 'Bearer realm="prompt-store"' },
      })
    if (!isSafe(method)) assertOwnPage(headers, token, publicUrl)
    return { token, session }
  }
  return {
    isShown: (headers) => tokenOf(headers) !== undefined,
    identify,
    async authenticate(headers, method) {
      const { session } = await identify(headers, method)
      const wanted = headers['x-workspace']
      return chooseWorkspace(session, typeof wanted === 'string' ? wanted : undefined)
    },
  }
}

export const tokenOf = ({ cookie }: Headers): string | undefined =>
  typeof cookie === 'string' ? cookieOf(cookie, sessionCookie) : undefined
