import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Id, PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { redeliver, type SendOne, testWebhook } from '../commands/deliveries.ts'
import { Delivery, DeliveryState } from '../model/deliveries.ts'
import type { Vault } from '../model/sealing.ts'
import { DeliveryNotFound, DeliveryNotRepeatable, WebhookInactive, WebhookNotFound } from '../model/webhook-failures.ts'
import { getDelivery, listDeliveries } from '../queries/deliveries.ts'
import { spans, WebhookId } from './webhooks.ts'

const DeliveryId = Strict({ id: Id, deliveryId: Id })

type Parts = Readonly<{
  vault: Vault
  send: SendOne
  /** Something has become due. */
  wake(): void
  process(workspaceId: string): Promise<{ processed: number; succeeded: number; failed: number; more: boolean }>
}>

export const deliveries = ({ vault, send, wake, process }: Parts): AnyEndpoint[] => {
  const test = testWebhook(vault, send)
  const again = redeliver(vault)
  return [
    endpoint({
      name: 'webhooks.test',
      method: 'POST',
      path: '/webhooks/:id/test',
      access: 'webhooks:write',
      spans,
      summary: 'Send a `webhook.test` now, and see what the receiver answers',
      params: WebhookId,
      reply: Delivery,
      errors: [WebhookNotFound],
      handle: async ({ params }, ctx) => getDelivery({ ...params, deliveryId: await test(params, ctx) }, ctx),
    }),
    endpoint({
      name: 'webhooks.deliveries',
      method: 'GET',
      path: '/webhooks/:id/deliveries',
      access: 'webhooks:read',
      spans,
      summary: 'List the deliveries of a webhook with their attempts, newest first',
      params: WebhookId,
      query: Strict({
        state: Type.Optional(DeliveryState),
        type: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Of the event, exact' })),
        ...PageQuery,
      }),
      reply: PageOf(Delivery),
      errors: [WebhookNotFound],
      handle: ({ params, query }, ctx) => listDeliveries({ ...params, ...query }, ctx),
    }),
    endpoint({
      name: 'webhooks.delivery',
      method: 'GET',
      path: '/webhooks/:id/deliveries/:deliveryId',
      access: 'webhooks:read',
      spans,
      summary: 'Get a delivery with its attempts and the whole of what was kept of the answers',
      params: DeliveryId,
      reply: Delivery,
      errors: [WebhookNotFound, DeliveryNotFound],
      handle: ({ params }, ctx) => getDelivery(params, ctx),
    }),
    endpoint({
      name: 'webhooks.redeliver',
      method: 'POST',
      path: '/webhooks/:id/deliveries/:deliveryId/redeliver',
      access: 'webhooks:write',
      spans,
      summary: 'Send a delivery once more, under the same id',
      params: DeliveryId,
      status: 202,
      reply: Delivery,
      errors: [WebhookNotFound, DeliveryNotFound, WebhookInactive, DeliveryNotRepeatable],
      async handle({ params }, ctx) {
        await again(params, ctx)
        wake()
        return getDelivery(params, ctx)
      },
    }),
    endpoint({
      name: 'notifications.process',
      method: 'POST',
      path: '/notifications/process',
      access: 'notifications:write',
      summary: 'Plan deliveries of all that has happened, attempt those that are due, and wait for the outcomes',
      reply: Strict(
        {
          processed: Type.Integer({ minimum: 0, description: 'Attempts that this call made' }),
          succeeded: Type.Integer({ minimum: 0 }),
          failed: Type.Integer({ minimum: 0, description: 'They are tried again by their schedule' }),
          more: Type.Boolean({ description: 'Its 20 seconds were over before all that was due had been attempted' }),
        },
        { $id: 'ProcessedDeliveries' },
      ),
      async handle(_, ctx) {
        const done = await process(ctx.workspaceId)
        return ctx.transact(async () => done) // for the consistency token: who shows it sees what was written down
      },
    }),
  ]
}
