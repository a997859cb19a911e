import { Type } from 'typebox'
import { AppError, errorKind } from '../../../core/errors.ts'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'

const InvitationUnknown = errorKind({ code: 'invitation.unknown', status: 404, title: 'There is no such invitation' })
const InvitationExpired = errorKind({ code: 'invitation.expired', status: 410, title: 'The invitation has expired' })
const InvitationUsed = errorKind({ code: 'invitation.used', status: 409, title: 'The invitation was taken up already' })
const InvitationForAnother = errorKind({
  code: 'invitation.for_another',
  status: 403,
  title: 'The invitation is for another person',
})
export const AlreadyMember = errorKind({ code: 'invitation.already_member', status: 409, title: 'You are a member already' })

/** Somebody became a member of the workspace. */
export const memberCreated = eventType('member.created', Strict({ personId: Type.String(), role: Type.String() }), {
  description: 'Somebody became a member',
  access: 'members:read',
  promptless: true,
})

export type Invitation = Readonly<{
  id: string
  workspaceId: string
  email: string
  role: string
  invitedBy: string
  expiresAt: string
  acceptedAt: string | null
}>

export const invitationUnknown = (): AppError =>
  new AppError(InvitationUnknown, 'No invitation has this token, or it was withdrawn. Copy the whole token, or ask for a new invitation.')

/**
 * May this person take the invitation up now?
 * @param email the person's verified address; null: the identity provider vouches for none
 * @throws InvitationUsed (409), InvitationExpired (410), InvitationForAnother (403), which does not say for whom it is
 */
export function assertAcceptable(invitation: Invitation, email: string | null, now: string): void {
  if (invitation.acceptedAt !== null) throw new AppError(InvitationUsed, 'An invitation works once. Ask for a new one.')
  if (invitation.expiresAt <= now) throw new AppError(InvitationExpired, `It was good until ${invitation.expiresAt}. Ask for a new one.`)
  if (email === null)
    throw new AppError(
      InvitationForAnother,
      'Your identity provider vouches for no e-mail address of yours, so it cannot be told that the invitation is for you.',
    )
  if (invitation.email.toLowerCase() !== email.toLowerCase())
    throw new AppError(
      InvitationForAnother,
      `You are logged in as ${email}, and the invitation was sent to another address. Log in with that one, or ask for an invitation to yours.`,
    )
}
