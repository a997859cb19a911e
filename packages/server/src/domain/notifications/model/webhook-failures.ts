import { errorKind } from '../../../core/errors.ts'

export const WebhookNotFound = errorKind({ code: 'webhook.not_found', status: 404, title: 'No such webhook' })
export const WebhookInvalid = errorKind({ code: 'webhook.invalid', status: 422, title: 'A webhook cannot be like this' })
export const EventTypeUnknown = errorKind({ code: 'webhook.event_type_unknown', status: 422, title: 'There is no such type of event' })
export const TooManyWebhooks = errorKind({ code: 'webhook.too_many', status: 409, title: 'The workspace has as many webhooks as it can' })
export const TooManySecrets = errorKind({ code: 'webhook.too_many_secrets', status: 409, title: 'The webhook has many secrets already' })
export const WebhookInactive = errorKind({ code: 'webhook.inactive', status: 409, title: 'The webhook is not active' })
export const DeliveryNotFound = errorKind({ code: 'delivery.not_found', status: 404, title: 'No such delivery' })
export const DeliveryNotRepeatable = errorKind({
  code: 'delivery.not_repeatable',
  status: 409,
  title: 'The event of the delivery is not there any more',
})
export const ReplayNotFound = errorKind({ code: 'replay.not_found', status: 404, title: 'No such replay' })
export const ReplayInvalid = errorKind({ code: 'replay.invalid', status: 422, title: 'A replay cannot be like this' })
export const ReplayRunning = errorKind({ code: 'replay.running', status: 409, title: 'Another replay of this webhook is under way' })
