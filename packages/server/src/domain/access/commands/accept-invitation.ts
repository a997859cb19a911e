import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { AlreadyMember, assertAcceptable, invitationUnknown, memberCreated } from '../model/accepting.ts'
import type { Session } from '../model/sessions.ts'
import { loginStore } from '../store/logins.ts'

/**
 * Take up an invitation: its person becomes a member of its workspace.
 * @param input.contextOf works in the invitation's workspace, which only the invitation tells
 * @throws InvitationUnknown (404), InvitationUsed (409), InvitationExpired (410), InvitationForAnother (403), AlreadyMember (409)
 */
export async function acceptInvitation(
  { token, person }: { token: string; person: Session['person'] },
  anywhere: Ctx,
  contextOf: (workspaceId: string) => Ctx,
): Promise<{ workspaceId: string; memberId: string; role: string }> {
  const found = await anywhere.system((db) => loginStore(db).findInvitation(token), 'read')
  if (!found) throw invitationUnknown()
  const ctx = contextOf(found.workspaceId)
  return ctx.transact(async (tx) => {
    const store = loginStore(tx)
    const invitation = await store.lockInvitation(token)
    if (!invitation) throw invitationUnknown()
    const now = ctx.now()
    assertAcceptable(invitation, person.email, now)
    const { workspaceId, role, invitedBy: addedBy } = invitation
    const member = { workspaceId, id: ctx.newId(), personId: person.id, role, addedBy }
    if (!(await store.addMember({ ...member, now })))
      throw new AppError(AlreadyMember, 'You are a member of this workspace already; an administrator can change your role there.')
    await store.markAccepted(invitation.id, person.id, now)
    await ctx.emit(tx, between(null, member, [memberCreated(member.id, { personId: person.id, role })]))
    return { workspaceId, memberId: member.id, role }
  })
}
