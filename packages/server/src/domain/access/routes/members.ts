import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { FieldReadOnly, PreconditionFailed } from '../../../core/problem.ts'
import { Id, PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { assertSentBack } from '../../../core/sent-back.ts'
import { invite, removeMember, updateMember, withdrawInvitation } from '../commands/members.ts'
import { RoleName } from '../model/api-keys.ts'
import { InvitationInvalid, InvitationNotFound, LastOwner, MemberNotFound, RightsExceeded, RoleUnknown } from '../model/failures.ts'
import { Invitation, Member, memberReadOnly, NewInvitation, UpdateMember } from '../model/members.ts'
import { getMember, listInvitations, listMembers, withPerson } from '../queries/members.ts'

const OneId = Strict({ id: Id })

export const members: AnyEndpoint[] = [
  endpoint({
    name: 'members.list',
    method: 'GET',
    path: '/members',
    access: 'members:read',
    summary: 'List the members of the workspace',
    query: Strict(PageQuery),
    reply: PageOf(Member),
    handle: ({ query }, ctx) => listMembers(query, ctx),
  }),
  endpoint({
    name: 'members.get',
    method: 'GET',
    path: '/members/:id',
    access: 'members:read',
    summary: 'Get a member',
    params: OneId,
    reply: Member,
    errors: [MemberNotFound],
    etag: ({ revision }) => String(revision),
    handle: ({ params }, ctx) => getMember(params, ctx),
  }),
  endpoint({
    name: 'members.update',
    method: 'PUT',
    path: '/members/:id',
    access: 'members:write',
    summary: 'Give a member another role; the last owner stays one',
    params: OneId,
    body: UpdateMember,
    reply: Member,
    errors: [MemberNotFound, RoleUnknown, RightsExceeded, LastOwner, PreconditionFailed, FieldReadOnly],
    etag: ({ revision }) => String(revision),
    handle: async ({ params, body, ifMatch }, ctx) => {
      await assertSentBack(() => getMember(params, ctx), body, memberReadOnly)
      return withPerson(await updateMember({ ...params, role: body.role, ifMatch }, ctx), ctx)
    },
  }),
  endpoint({
    name: 'members.remove',
    method: 'DELETE',
    path: '/members/:id',
    access: 'members:write',
    summary: 'Remove a member; the last owner stays',
    params: OneId,
    errors: [MemberNotFound, RightsExceeded, LastOwner, PreconditionFailed],
    handle: ({ params, ifMatch }, ctx) => removeMember({ ...params, ifMatch }, ctx),
  }),
  endpoint({
    name: 'invitations.create',
    method: 'POST',
    path: '/invitations',
    access: 'members:write',
    summary: 'Invite somebody; the token is shown this once, and to be handed over',
    body: Strict({
      email: Type.String({ minLength: 3, maxLength: 320, description: 'Whoever takes it up has this address at the identity provider' }),
      role: RoleName,
      expiresAt: Type.Optional(Type.String({ format: 'date-time', maxLength: 40, description: 'A week from now without it; RFC 3339' })),
    }),
    status: 201,
    reply: NewInvitation,
    secrets: ['token'],
    errors: [InvitationInvalid, RoleUnknown, RightsExceeded],
    handle: ({ body }, ctx) => invite(body, ctx),
  }),
  endpoint({
    name: 'invitations.list',
    method: 'GET',
    path: '/invitations',
    access: 'members:read',
    summary: 'List the invitations, the newest first',
    query: Strict(PageQuery),
    reply: PageOf(Invitation),
    handle: ({ query }, ctx) => listInvitations(query, ctx),
  }),
  endpoint({
    name: 'invitations.withdraw',
    method: 'DELETE',
    path: '/invitations/:id',
    access: 'members:write',
    summary: 'Take back an invitation that nobody has taken up',
    params: OneId,
    errors: [InvitationNotFound],
    handle: ({ params }, ctx) => withdrawInvitation(params, ctx),
  }),
]
