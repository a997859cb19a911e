import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { loggedByIds } from '../../../core/feed/log.ts'
import { type Answered, judge, textOf } from '../model/outcomes.ts'
import type { Vault } from '../model/sealing.ts'
import { DeliveryNotRepeatable, WebhookInactive } from '../model/webhook-failures.ts'
import { deliveryStore } from '../store/deliveries.ts'
import { type Recipient, recipientOf, webhookStore } from '../store/webhooks.ts'

/** Sends one message; see `jobs/sending.ts`. */
export type SendOne = (
  message: Recipient &
    Readonly<{
      messageId: string
      event: Readonly<{
        type: string
        subject: string
        createdAt: string
        data: Readonly<Record<string, unknown>>
        traceparent: string | null
      }>
    }>,
  at: string,
) => Promise<{ answered: Answered; requestHeaders: Readonly<Record<string, string>> }>

const testType = 'webhook.test'

/** Send a test now, whether the webhook is active or not, and keep what came. @returns the id of the delivery @throws WebhookNotFound (404) */
export const testWebhook =
  (vault: Vault, send: SendOne) =>
  async ({ id }: { id: string }, ctx: Ctx): Promise<string> => {
    const at = ctx.now()
    const recipient = await ctx.read((db) => recipientOf(db, id, at))
    const deliveryId = ctx.newId()
    const data = { webhookId: id, message: 'This is a test of the webhook; nothing has happened.' }
    const message = {
      ...recipient,
      messageId: `test_${deliveryId}`,
      event: { type: testType, subject: id, createdAt: at, data, traceparent: ctx.traceparent ?? null },
    }
    const { answered, requestHeaders } = await send(message, at)
    const { failure, detail } = judge(answered, Date.parse(at))
    const { status, headers, body, truncated = false, address, tookMs } = answered
    const attempt = {
      at,
      tookMs,
      failure,
      detail,
      status: status ?? null,
      address: address ?? null,
      requestHeaders,
      responseHeaders: headers ?? null,
      responseBody: body ? textOf(body) : null,
      truncated,
    }
    await ctx.transact(async (tx) => {
      await webhookStore(tx, vault).assertThere(id)
      await deliveryStore(tx).addTest({ id: deliveryId, webhookId: id, messageId: message.messageId, type: testType, at, attempt })
    })
    return deliveryId
  }

/**
 * Send a delivery once more, now, and by the whole schedule if that fails.
 * @throws WebhookNotFound, DeliveryNotFound (404); WebhookInactive, DeliveryNotRepeatable (409)
 */
export const redeliver =
  (vault: Vault) =>
  async ({ id, deliveryId }: { id: string; deliveryId: string }, ctx: Ctx): Promise<void> => {
    await ctx.transact(async (tx) => {
      const webhook = await webhookStore(tx, vault).lock(id)
      const delivery = await deliveryStore(tx).lock(id, deliveryId)
      if (!webhook.active) throw new AppError(WebhookInactive, 'Make the webhook active first: PUT it with "active": true.')
      const events = delivery.eventId === null ? new Map() : await loggedByIds(tx, [delivery.eventId])
      if (events.size === 0)
        throw new AppError(
          DeliveryNotRepeatable,
          delivery.eventId === null
            ? 'This was a test. Send another one by POST /webhooks/{id}/test.'
            : 'Its event has been deleted by age, so there is nothing to send.',
        )
      await deliveryStore(tx).makeDue([deliveryId], ctx.now())
    })
  }
