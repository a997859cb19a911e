import type { LoggedEvent } from '../../../core/events.ts'
import { type Outbound, OutboundFailure } from '../../../core/outbound.ts'
import { type AttemptHeaders, keptBytes } from '../model/deliveries.ts'
import type { Answered } from '../model/outcomes.ts'
import type { Vault } from '../model/sealing.ts'
import { signatureOf } from '../model/signing.ts'
import { masked } from '../model/webhooks.ts'
import { headersOf, secretOf } from '../store/webhooks.ts'

/** What is sent, and to whom. */
export type Message = Readonly<{
  webhookId: string
  messageId: string
  event: Pick<LoggedEvent, 'type' | 'subject' | 'data' | 'createdAt' | 'traceparent'>
  url: string
  headers: string | null
  timeoutMs: number
  secrets: readonly Readonly<{ id: string; sealed: string }>[]
}>

export type Sent = Readonly<{
  answered: Answered
  /** As they may be shown. */
  requestHeaders: AttemptHeaders
}>

/** The body of a delivery, by Standard Webhooks, which knows no field for what an event is about: that stands in the data. */
const bodyOf = ({ type, subject, createdAt, data }: Message['event']): string =>
  JSON.stringify({ type, timestamp: createdAt, data: { subject, ...data } })

/**
 * One attempt: made of the event as it is now, signed with every secret of now over the bytes that are sent, in the trace
 * that the event was part of.
 * @param at of the attempt, RFC 3339
 */
export async function send(
  message: Message,
  at: string,
  { outbound, vault, signal }: { outbound: Pick<Outbound, 'request'>; vault: Vault; signal?: AbortSignal },
): Promise<Sent> {
  const { webhookId, messageId, url, timeoutMs } = message
  const own = headersOf(vault, { id: webhookId, headers: message.headers })
  const secrets = message.secrets.map((secret) => secretOf(vault, secret)).filter((secret) => secret !== undefined)
  const body = bodyOf(message.event)
  const timestamp = Math.floor(Date.parse(at) / 1_000)
  const signature = signatureOf(secrets, { id: messageId, timestamp, body })
  const { traceparent } = message.event
  const said = { 'content-type': 'application/json', ...(traceparent !== null && { traceparent }) } // the webhook's own headers may say another
  const id = {
    'webhook-id': messageId,
    'webhook-timestamp': String(timestamp),
  }
  const requestHeaders = {
    ...said,
    ...Object.fromEntries(Object.keys(own).map((name) => [name, masked])),
    ...id,
    'webhook-signature': signature.replaceAll(/,\S+/g, `,${masked}`),
  }
  if (secrets.length === 0) {
    const detail = 'No secret of this webhook can be read with the present ENCRYPTION_KEY. Rotate its secret.'
    return { requestHeaders, answered: { failure: 'refused', detail, tookMs: 0 } }
  }
  try {
    const headers = { ...said, ...own, ...id, 'webhook-signature': signature }
    const request = { url, method: 'POST' as const, headers, body, timeoutMs, maxBytes: keptBytes, group: webhookId }
    return { requestHeaders, answered: await outbound.request({ ...request, ...(signal && { signal }) }) }
  } catch (error) {
    if (!(error instanceof OutboundFailure)) throw error
    const { code, detail, address, status, tookMs } = error
    return { requestHeaders, answered: { failure: code, detail, address, status, tookMs } }
  }
}
