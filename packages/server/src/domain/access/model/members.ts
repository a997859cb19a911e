import { type Static, Type } from 'typebox'
import { AppError } from '../../../core/errors.ts'
import { Id, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'
import { sentBack } from '../../../core/sent-back.ts'
import { RoleName } from './api-keys.ts'
import { LastOwner } from './failures.ts'

export const Member = Strict(
  {
    id: Id,
    personId: Id,
    email: Nullable(Type.String(), { description: 'As the identity provider told it at the last login' }),
    name: Nullable(Type.String()),
    role: Type.String({ description: 'The name of a role; of one that was removed: then the member may nothing' }),
    addedBy: Type.String(),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    revision: Type.Integer({ description: 'Counts its changes' }),
  },
  { $id: 'Member' },
)
export const memberReadOnly = ['id', 'personId', 'email', 'name', 'addedBy', 'createdAt', 'updatedAt', 'revision'] as const
export const UpdateMember = Strict({ role: Type.Optional(RoleName), ...sentBack(Member.properties, memberReadOnly) })
export type Member = Static<typeof Member>

export const Invitation = Strict(
  {
    id: Id,
    email: Type.String(),
    role: Type.String(),
    invitedBy: Type.String(),
    createdAt: Timestamp,
    expiresAt: Timestamp,
    acceptedAt: Nullable(Timestamp),
  },
  { $id: 'Invitation' },
)
export type Invitation = Static<typeof Invitation>

export const NewInvitation = Strict(
  {
    ...Invitation.properties,
    token: Type.Optional(
      Type.String({ description: 'For who is invited, shown this once; an answer that is replayed for its Idempotency-Key lacks it' }),
    ),
  },
  { $id: 'NewInvitation' },
)

/** How long an invitation holds unless told, in milliseconds: a week. */
export const invitedForMs = 7 * 24 * 3_600_000

/** @param owners the ids of the members who are owners @throws LastOwner (409) when the one who goes is the last of them */
export function assertOwnerStays(owners: readonly string[], leaving: string): void {
  if (owners.length === 1 && owners[0] === leaving)
    throw new AppError(LastOwner, 'This is the only owner of the workspace. Make somebody else an owner first.')
}
