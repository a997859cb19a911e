import { isDeepStrictEqual } from 'node:util'
import { type Static, Type } from 'typebox'
import { between, type DomainEvent } from '../../../core/events.ts'
import { unprocessable } from '../../../core/problem.ts'
import { Id, Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'
import { webhookCreated, webhookUpdated } from './webhook-events.ts'
import { WebhookInvalid } from './webhook-failures.ts'

export const maxWebhooks = 100
export const maxSecrets = 5
const maxHeaderBytes = 8_192
const defaultTimeoutMs = 10_000
/** Stands for a value that is not shown; sent back, it keeps what there is. */
export const masked = '***'

export const Signing = Type.Enum(['v1', 'v1a'], {
  description: 'v1: HMAC-SHA256 with a shared secret; v1a: ed25519, the receiver has the public key. v1 without it; cannot be changed',
})
export type Signing = Static<typeof Signing>

const fields = {
  name: ShortText('What it is for'),
  url: Type.String({ minLength: 1, maxLength: 2_048, description: 'Where events are posted: https, and no address of a private network' }),
  events: Type.Array(
    Type.String({
      minLength: 1,
      maxLength: 100,
      pattern: '^(\\*|[a-z][a-z0-9_]*(\\.[a-z0-9_]+)*(\\.\\*)?)$',
      description: 'A type or a pattern',
    }),
    { minItems: 1, maxItems: 50, description: 'Types of events, exact or `prefix.*`; `*` for all' },
  ),
  filter: Nullable(Type.String({ minLength: 1, maxLength: 2_000 }), {
    description: 'In CEL, over `type`, `subject`, `timestamp` and `data`: only events for which it is true are sent',
  }),
  active: Type.Boolean({ description: 'Whether it is told of what happens; what happens meanwhile it is not told of later' }),
  retrySchedule: Nullable(
    Type.Array(Type.Integer({ minimum: 0, maximum: 604_800, description: 'Seconds, up to 7 days' }), { maxItems: 20 }),
    { description: 'Pauses before each retry in seconds; null: 5 s, 5 min, 30 min, 2, 5, 10, 14, 20, 24 h' },
  ),
  timeoutMs: Type.Integer({ minimum: 1_000, maximum: 25_000, description: 'For one attempt; 10000 without it' }),
  headers: Type.Record(Type.String({ minLength: 1, maxLength: 200 }), Type.String({ maxLength: 4_096 }), {
    description: `Sent with each delivery; at most 20, and ${maxHeaderBytes} bytes. Values are shown as ${masked}, which sent back keeps a value`,
  }),
}

export const Webhook = Strict(
  {
    id: Id,
    ...fields,
    signing: Signing,
    disabledReason: Nullable(Type.Enum(['gone', 'failing']), {
      description: 'Why the service gave it up: it answered 410, or failed for 120 hours',
    }),
    disabledAt: Nullable(Timestamp),
    health: Strict(
      {
        state: Type.Enum(['good', 'slowed', 'held', 'open'], {
          description: 'slowed: one at a time; held: it asked for a pause; open: the circuit breaker is open',
        }),
        failures: Type.Integer({ minimum: 0, description: 'Since the last success' }),
        failingSince: Nullable(Timestamp),
        lastSuccessAt: Nullable(Timestamp),
        blockedUntil: Nullable(Timestamp, { description: 'Nothing is sent before' }),
        filterError: Nullable(Type.String(), { description: 'Why the filter failed last; an event for which it fails is not sent' }),
        filterErrorAt: Nullable(Timestamp),
      },
      { description: 'How the receiver does; read-only, and ignored when sent back' },
    ),
    secrets: Type.Array(
      Strict({
        id: Id,
        createdAt: Timestamp,
        expiresAt: Nullable(Timestamp),
        publicKey: Nullable(Type.String({ description: 'Of a v1a pair' })),
      }),
      {
        description: 'Those that sign now, newest first, without themselves; `publicKey` for v1a',
      },
    ),
    createdBy: Type.String(),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    revision: Type.Integer({ minimum: 1 }),
  },
  { $id: 'Webhook' },
)
export type Webhook = Static<typeof Webhook>

export const NewWebhook = Strict(
  {
    ...Webhook.properties,
    secret: Type.Optional(
      Type.String({ description: 'What the receiver verifies with, shown this once: `whsec_…`, or for v1a the public key `whpk_…`' }),
    ),
  },
  { $id: 'NewWebhook' },
)

const { name, url, events, filter, active, retrySchedule, timeoutMs, headers } = fields
export const CreateWebhook = Strict(
  {
    name,
    url,
    events,
    filter: Type.Optional(filter),
    active: Type.Optional(active),
    retrySchedule: Type.Optional(retrySchedule),
    timeoutMs: Type.Optional(timeoutMs),
    headers: Type.Optional(headers),
    signing: Type.Optional(Signing),
  },
  { $id: 'CreateWebhook' },
)
export type CreateWebhook = Static<typeof CreateWebhook>

/** What of a webhook people decide, and whether the service gave it up. Header values are in clear. */
export type WebhookState = Pick<
  Webhook,
  'id' | 'name' | 'url' | 'events' | 'filter' | 'active' | 'retrySchedule' | 'timeoutMs' | 'headers' | 'signing'
> &
  Pick<Webhook, 'disabledReason' | 'disabledAt' | 'createdBy' | 'createdAt' | 'updatedAt' | 'revision'>

export type WebhookChange = Readonly<
  Partial<{
    name: string
    url: string
    events: string[]
    filter: string | null
    active: boolean
    retrySchedule: number[] | null
    timeoutMs: number
    headers: Record<string, string> | null
  }>
>
type By = Readonly<{ actor: string; at: string }>

/** A new webhook. Pure. @throws WebhookInvalid (422) */
export function makeWebhook(id: string, input: CreateWebhook, by: By): { next: WebhookState; events: DomainEvent[] } {
  const next: WebhookState = {
    id,
    name: input.name,
    url: input.url,
    events: [...new Set(input.events)],
    filter: input.filter ?? null,
    active: input.active ?? true,
    retrySchedule: input.retrySchedule ?? null,
    timeoutMs: input.timeoutMs ?? defaultTimeoutMs,
    headers: withKept(input.headers ?? {}, {}),
    signing: input.signing ?? 'v1',
    disabledReason: null,
    disabledAt: null,
    createdBy: by.actor,
    createdAt: by.at,
    updatedAt: by.at,
    revision: 1,
  }
  return { next, events: between(null, shown(next), [webhookCreated(id, { name: next.name, activated: next.active })]) }
}

/** Change any field; what is sent as it is changes nothing. Pure. @throws WebhookInvalid (422) */
export function changeWebhook(
  now: WebhookState,
  change: WebhookChange,
  at: string,
): { next: WebhookState; events: DomainEvent[]; activated: boolean; moved: boolean } {
  const wanted: Record<string, unknown> = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
  if (change.headers !== undefined) wanted.headers = withKept(change.headers ?? {}, now.headers)
  const changed = Object.keys(wanted).filter((field) => !isDeepStrictEqual(wanted[field], now[field as keyof WebhookState]))
  if (changed.length === 0) return { next: now, events: [], activated: false, moved: false }
  const next = { ...now, ...wanted, updatedAt: at, revision: now.revision + 1 } as WebhookState
  const activated = next.active && !now.active
  const final = activated ? { ...next, disabledReason: null, disabledAt: null } : next
  const told = webhookUpdated(now.id, { name: next.name, fields: changed, activated })
  return { next: final, events: between(shown(now), shown(final), [told]), activated, moved: changed.includes('url') }
}

/** Given up by the service. Pure. */
export const giveUpWebhook = (now: WebhookState, reason: 'gone' | 'failing', at: string): WebhookState => ({
  ...now,
  active: false,
  disabledReason: reason,
  disabledAt: at,
  updatedAt: at,
  revision: now.revision + 1,
})

/** Fingerprints in the audit trail are made without values that could be guessed. */
export const shown = (state: WebhookState): WebhookState => ({ ...state, headers: maskedHeaders(state.headers) })

export const maskedHeaders = (values: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.keys(values).map((key) => [key, masked]))

/** Names in lower case; a masked value keeps what there is. @throws WebhookInvalid (422) */
function withKept(given: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(given).map(([key, value]) => [key.toLowerCase(), value] as const)
  const next = Object.fromEntries(entries.map(([key, value]) => [key, value === masked ? (now[key] ?? value) : value]))
  const bytes = Buffer.byteLength(JSON.stringify(next))
  if (entries.length > 20 || bytes > maxHeaderBytes)
    throw unprocessable(
      WebhookInvalid,
      '/headers',
      'webhook.headers',
      `These are ${entries.length} headers of ${bytes} bytes; 20 and ${maxHeaderBytes} bytes are taken.`,
    )
  return next
}
