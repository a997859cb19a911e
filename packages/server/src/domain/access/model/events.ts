import { Type } from 'typebox'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'

const named = Strict({ name: Type.String() })

export const keyRotated = eventType('key.rotated', Strict({ name: Type.String(), to: Type.String() }))
export const keyRevoked = eventType('key.revoked', named)
export const roleCreated = eventType('role.created', named)
export const roleUpdated = eventType('role.updated', Strict({ name: Type.String(), previous: Type.Optional(Type.String()) }))
export const roleDeleted = eventType('role.deleted', named)
export const memberUpdated = eventType('member.updated', Strict({ personId: Type.String(), role: Type.String(), previous: Type.String() }))
export const memberRemoved = eventType('member.removed', Strict({ personId: Type.String(), role: Type.String() }))
export const memberInvited = eventType('member.invited', Strict({ role: Type.String() }))
export const invitationWithdrawn = eventType('member.invitation_withdrawn', Strict({ role: Type.String() }))
export const workspaceCreated = eventType('workspace.created', named)
export const workspaceUpdated = eventType('workspace.updated', named)
export const labelRuleChanged = eventType('label_rule.changed', Strict({ label: Type.String(), protected: Type.Boolean() }))

/** Events after which somebody's rights may be others than before. */
export const concernsRights = ({ type }: { type: string }): boolean => /^(key|role|member|workspace)\./.test(type)
