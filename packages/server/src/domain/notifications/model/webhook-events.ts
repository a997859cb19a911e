import { Type } from 'typebox'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'

const name = Type.String()

/** `activated`: from here on it is told of events. */
export const webhookCreated = eventType('webhook.created', Strict({ name, activated: Type.Boolean() }), {
  description: 'A webhook was made',
  promptless: true,
  access: 'webhooks:read',
})
export const webhookUpdated = eventType('webhook.updated', Strict({ name, fields: Type.Array(Type.String()), activated: Type.Boolean() }), {
  description: 'A webhook was changed',
  promptless: true,
  access: 'webhooks:read',
})
export const webhookDeleted = eventType('webhook.deleted', Strict({ name }), {
  description: 'A webhook was deleted',
  promptless: true,
  access: 'webhooks:read',
})
export const webhookSecretRotated = eventType('webhook.secret_rotated', Strict({ name }), {
  description: 'A webhook signs with a new secret',
  promptless: true,
  access: 'webhooks:read',
})
export const webhookDisabled = eventType(
  'webhook.disabled',
  Strict({ name, reason: Type.Enum(['gone', 'failing']), failures: Type.Integer({ minimum: 0 }) }),
  { description: 'The service gave a webhook up: its receiver is gone, or failed for days', promptless: true, access: 'webhooks:read' },
)

export const webhookEvents = [webhookCreated, webhookUpdated, webhookDeleted, webhookSecretRotated, webhookDisabled]
