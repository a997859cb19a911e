import { Type } from 'typebox'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'
import { memberCreated } from './accepting.ts'
import { keyCreated } from './keys.ts'
import { sessionEnded, sessionStarted } from './sessions.ts'

const named = Strict({ name: Type.String() })

export const keyRotated = eventType('key.rotated', Strict({ name: Type.String(), to: Type.String() }), {
  description: 'A key was replaced by a new one',
  access: 'keys:read',
  promptless: true,
})
export const keyRevoked = eventType('key.revoked', named, { description: 'A key was revoked', access: 'keys:read', promptless: true })
export const roleCreated = eventType('role.created', named, { description: 'A role was made', access: 'roles:read', promptless: true })
export const roleUpdated = eventType('role.updated', Strict({ name: Type.String(), previous: Type.Optional(Type.String()) }), {
  description: 'A role was changed',
  access: 'roles:read',
  promptless: true,
})
export const roleDeleted = eventType('role.deleted', named, { description: 'A role was deleted', access: 'roles:read', promptless: true })
export const memberUpdated = eventType(
  'member.updated',
  Strict({ personId: Type.String(), role: Type.String(), previous: Type.String() }),
  { description: 'A member got another role', access: 'members:read', promptless: true },
)
export const memberRemoved = eventType('member.removed', Strict({ personId: Type.String(), role: Type.String() }), {
  description: 'Somebody is no longer a member',
  access: 'members:read',
  promptless: true,
})
export const memberInvited = eventType('member.invited', Strict({ role: Type.String() }), {
  description: 'Somebody was invited',
  access: 'members:read',
  promptless: true,
})
export const invitationWithdrawn = eventType('member.invitation_withdrawn', Strict({ role: Type.String() }), {
  description: 'An invitation was withdrawn',
  access: 'members:read',
  promptless: true,
})
export const workspaceCreated = eventType('workspace.created', named, { description: 'The workspace was made', promptless: true })
export const workspaceUpdated = eventType('workspace.updated', named, { description: 'The workspace was renamed', promptless: true })
export const labelRuleChanged = eventType('label_rule.changed', Strict({ label: Type.String(), protected: Type.Boolean() }), {
  description: 'Who may move a label was changed',
  promptless: true,
})

/** Everything this context tells. */
export const accessEvents = [
  keyCreated,
  keyRotated,
  keyRevoked,
  roleCreated,
  roleUpdated,
  roleDeleted,
  memberCreated,
  memberUpdated,
  memberRemoved,
  memberInvited,
  invitationWithdrawn,
  workspaceCreated,
  workspaceUpdated,
  labelRuleChanged,
  sessionStarted,
  sessionEnded,
]

/** Events after which somebody's rights may be others than before. */
export const concernsRights = ({ type }: { type: string }): boolean => /^(key|role|member|workspace)\./.test(type)
