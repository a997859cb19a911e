import { randomBytes } from 'node:crypto'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { between } from '../../../core/events.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { unprocessable } from '../../../core/problem.ts'
import { futureTime } from '../model/api-keys.ts'
import { invitationWithdrawn, memberInvited, memberRemoved, memberUpdated } from '../model/events.ts'
import { InvitationInvalid } from '../model/failures.ts'
import { assertOwnerStays, type Invitation, invitedForMs } from '../model/members.ts'
import { assertWithin, grantOf } from '../model/rights.ts'
import { type MemberState, memberStore } from '../store/members.ts'
import { roleStore } from '../store/roles.ts'
import { workspaceStore } from '../store/workspaces.ts'

type Named = Readonly<{ id: string; ifMatch?: readonly string[] | undefined }>

/** Lock a member, behind the lock of the workspace: so two owners cannot make way for each other at once. */
async function lockMember(tx: Db, { id, ifMatch }: Named, ctx: Ctx): Promise<MemberState> {
  await workspaceStore(tx).lock(ctx.workspaceId)
  const member = await memberStore(tx).lock(id)
  assertIfMatch(ifMatch, String(member.revision))
  assertWithin(ctx.actor, grantOf({ role: member.role, scopes: [], custom: await roleStore(tx).find(member.role) }))
  return member
}

/**
 * Give a member another role. Both the old and the new one are within the rights of who does it.
 * @throws MemberNotFound (404), RoleUnknown (422), RightsExceeded (403), LastOwner (409)
 */
export const updateMember = ({ role, ...named }: Named & { role?: string | undefined }, ctx: Ctx): Promise<MemberState> =>
  ctx.transact(async (tx) => {
    const member = await lockMember(tx, named, ctx)
    if (role === undefined || role === member.role) return member
    assertWithin(ctx.actor, await roleStore(tx).grant(role))
    const store = memberStore(tx)
    assertOwnerStays(await store.owners(), member.id)
    const next = { ...member, role, updatedAt: ctx.now(), revision: member.revision + 1 }
    await store.save(next)
    await ctx.emit(tx, between(member, next, [memberUpdated(member.id, { personId: member.personId, role, previous: member.role })]))
    return next
  })

/** @throws MemberNotFound (404), RightsExceeded (403), LastOwner (409) */
export const removeMember = (named: Named, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const member = await lockMember(tx, named, ctx)
    const store = memberStore(tx)
    assertOwnerStays(await store.owners(), member.id)
    await store.remove(member.id)
    await ctx.emit(tx, between(member, null, [memberRemoved(member.id, { personId: member.personId, role: member.role })]))
  })

export type Invite = Readonly<{ email: string; role: string; expiresAt?: string | undefined }>

/** Invite somebody; the token is told once, and it is for the caller to hand it over. @throws InvitationInvalid, RoleUnknown (422), RightsExceeded (403) */
export const invite = ({ email, role, expiresAt }: Invite, ctx: Ctx): Promise<Invitation & { token: string }> =>
  ctx.transact(async (tx) => {
    if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw unprocessable(InvitationInvalid, '/email', 'invitation.email', 'It is no e-mail address.')
    assertWithin(ctx.actor, await roleStore(tx).grant(role))
    const now = ctx.now()
    const until =
      expiresAt === undefined ? new Date(Date.parse(now) + invitedForMs).toISOString() : futureTime(expiresAt, now, InvitationInvalid)
    const token = `psi_${randomBytes(32).toString('hex')}`
    const invitation: Invitation = {
      id: ctx.newId(),
      email,
      role,
      invitedBy: ctx.actor.id,
      createdAt: now,
      expiresAt: until,
      acceptedAt: null,
    }
    await memberStore(tx).invite(invitation, token)
    await ctx.emit(tx, between(null, invitation, [memberInvited(invitation.id, { role })]))
    return { ...invitation, token }
  })

/** Take back an invitation that nobody has taken up. @throws InvitationNotFound (404) */
export const withdrawInvitation = ({ id }: { id: string }, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const invitation = await memberStore(tx).withdraw(id)
    await ctx.emit(tx, between(invitation, null, [invitationWithdrawn(id, { role: invitation.role })]))
  })
