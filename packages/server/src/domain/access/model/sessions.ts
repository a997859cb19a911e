import { createHmac, timingSafeEqual } from 'node:crypto'
import { Type } from 'typebox'
import type { Principal } from '../../../core/access.ts'
import { AppError, errorKind } from '../../../core/errors.ts'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'
import { defaultWorkspaceId } from './keys.ts'
import { builtInRoles, compileRights, type Grant } from './roles.ts'

const CsrfRefused = errorKind({ code: 'auth.csrf', status: 403, title: 'The request may come from another site' })
export const NotAMember = errorKind({ code: 'auth.not_a_member', status: 403, title: 'You are a member of no workspace' })
export const WorkspaceNotYours = errorKind({ code: 'auth.workspace_not_found', status: 404, title: 'There is no such workspace of yours' })
export const WorkspaceNeeded = errorKind({ code: 'auth.workspace_needed', status: 400, title: 'Several workspaces are possible' })

export const sessionStarted = eventType(
  'session.started',
  Strict({ sessionId: Type.String(), expiresAt: Type.String({ description: 'It ends earlier when it is not used' }) }),
  { description: 'Somebody logged in', access: 'members:read', promptless: true },
)
export const sessionEnded = eventType(
  'session.ended',
  Strict({ sessionId: Type.String(), reason: Type.Enum(['logout', 'replaced', 'expired']) }),
  { description: 'A session ended', access: 'members:read', promptless: true },
)

/** A session is told of in every workspace of its person; of somebody who has none, in the default one. */
export const toldIn = (workspaceIds: readonly string[]): readonly string[] =>
  workspaceIds.length > 0 ? workspaceIds : [defaultWorkspaceId]

export const sessionCookie = '__Host-session'
export const loginCookie = '__Host-login'

/** A session as this instance knows it. */
export type Session = Readonly<{
  id: string
  person: Readonly<{ id: string; email: string | null; name: string | null }>
  memberships: readonly Membership[]
  expiresAt: string
  lastSeenAt: string
}>
export type Membership = Readonly<{ workspaceId: string; workspaceName: string; principal: Principal }>

/** Who a member is in a workspace. @param custom the role of that name, when it is not a built-in one; null: there is none, so it may nothing */
export function memberPrincipal(
  personId: string,
  member: Readonly<{ workspaceId: string; role: string }>,
  custom: Grant | null,
): Principal {
  const builtIn = Object.hasOwn(builtInRoles, member.role) ? builtInRoles[member.role] : undefined
  const grants = builtIn ? [{ permissions: builtIn }] : custom ? [custom] : []
  return { id: `user:${personId}`, workspaceId: member.workspaceId, ...compileRights(grants), roles: [member.role], instanceAdmin: false }
}

/** Until when a session holds, by what is known of its use. RFC 3339; both times are UTC with milliseconds, so texts compare. */
export const holdsUntil = ({ expiresAt, lastSeenAt }: Pick<Session, 'expiresAt' | 'lastSeenAt'>, idleMs: number): string => {
  const idleEnd = new Date(Date.parse(lastSeenAt) + idleMs).toISOString()
  return idleEnd < expiresAt ? idleEnd : expiresAt
}

/**
 * The principal in the workspace that is asked for; without one the only one, or the default workspace.
 * @throws NotAMember (403), WorkspaceNotYours (404), WorkspaceNeeded (400)
 */
export function chooseWorkspace({ person, memberships }: Session, wanted: string | undefined): Principal {
  if (wanted !== undefined) {
    const found = memberships.find(({ workspaceId }) => workspaceId === wanted)
    if (found) return found.principal
    throw new AppError(WorkspaceNotYours, 'X-Workspace names no workspace that you are a member of. GET /auth/session lists yours.')
  }
  if (memberships.length === 0)
    throw new AppError(
      NotAMember,
      `You are logged in as ${person.email ?? person.id}, but you are a member of no workspace. Ask an administrator for an invitation and take it up, or have your address put into OIDC_OWNER_EMAILS.`,
    )
  const chosen = memberships.length === 1 ? memberships[0] : memberships.find(({ workspaceId }) => workspaceId === defaultWorkspaceId)
  if (chosen) return chosen.principal
  throw new AppError(
    WorkspaceNeeded,
    'You are a member of several workspaces: name one by the header X-Workspace. GET /auth/session lists them.',
  )
}

/** The token that a page of ours sends with every change. It follows from the session's token, and does not give that away. */
export const csrfTokenOf = (sessionToken: string): string => createHmac('sha256', sessionToken).update('csrf').digest('base64url')

type Headers = Readonly<Record<string, string | string[] | undefined>>

/**
 * A change by cookie must come from our own page: its CSRF token, and what the browser says of where it comes from.
 * @throws CsrfRefused (403)
 */
export function assertOwnPage(headers: Headers, sessionToken: string, publicUrl: string): void {
  const { origin, 'sec-fetch-site': site, 'x-csrf-token': sent } = headers
  const expected = Buffer.from(csrfTokenOf(sessionToken))
  const given = Buffer.from(typeof sent === 'string' ? sent : '')
  const objection =
    given.length !== expected.length || !timingSafeEqual(given, expected)
      ? `the header X-CSRF-Token is ${sent === undefined ? 'missing' : 'wrong'}: send "csrfToken" of GET /auth/session`
      : origin === undefined && site === undefined
        ? 'it has neither Origin nor Sec-Fetch-Site, which browsers send'
        : origin !== undefined && origin !== publicUrl
          ? `its Origin is not ${publicUrl}`
          : site !== undefined && site !== 'same-origin'
            ? 'its Sec-Fetch-Site is not same-origin'
            : undefined
  if (objection) throw new AppError(CsrfRefused, `Nothing was changed, because ${objection}.`)
}

/** Methods that change nothing (RFC 9110 §9.2.1) need no CSRF token. */
export const isSafe = (method: string): boolean => method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
