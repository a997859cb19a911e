import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import type { Expressions } from '../../../core/expressions.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { checkOutboundHeaders, type Outbound } from '../../../core/outbound.ts'
import { assertSentBack } from '../../../core/sent-back.ts'
import { assertKnownTypes } from '../model/matching.ts'
import type { Vault } from '../model/sealing.ts'
import { newSecret, publicKeyOf } from '../model/signing.ts'
import { webhookDeleted, webhookDisabled, webhookSecretRotated } from '../model/webhook-events.ts'
import { TooManySecrets, TooManyWebhooks } from '../model/webhook-failures.ts'
import {
  type CreateWebhook,
  changeWebhook,
  giveUpWebhook,
  makeWebhook,
  maxSecrets,
  maxWebhooks,
  shown,
  type WebhookChange,
} from '../model/webhooks.ts'
import { webhookStore } from '../store/webhooks.ts'

/** What webhooks are checked by. */
export type Checks = Readonly<{
  outbound: Pick<Outbound, 'check'>
  expressions: Pick<Expressions, 'check'>
  vault: Vault
  /** All types of events that are ever told. */
  types(): readonly string[]
}>

const filterVariables = ['type', 'subject', 'timestamp', 'data']

/** Everything that can be looked at outside of the transaction. @throws OutboundUrlRefused, OutboundHeaderRefused, EventTypeUnknown, ExpressionInvalid (422) */
async function check({ url, events, filter, headers }: WebhookChange, { outbound, expressions, types }: Checks): Promise<void> {
  if (events) assertKnownTypes(events, types())
  if (headers) checkOutboundHeaders(headers)
  if (url !== undefined) await outbound.check(url)
  if (filter) await expressions.check(filter, { variables: filterVariables, pointer: '/filter' })
}

/** The one who is told a secret: for a key pair the public half. */
const toldOf = (secret: string): string => (secret.startsWith('whsk_') ? publicKeyOf(secret) : secret)

/** Make a webhook. @returns its id, and what its receiver verifies with @throws as `check`; TooManyWebhooks (409) */
export const createWebhook =
  (checks: Checks) =>
  async (input: CreateWebhook, ctx: Ctx): Promise<{ id: string; secret: string }> => {
    await check(input, checks)
    return ctx.transact(async (tx) => {
      const store = webhookStore(tx, checks.vault)
      if ((await store.countLocked(ctx.workspaceId)) >= maxWebhooks)
        throw new AppError(TooManyWebhooks, `There are ${maxWebhooks} webhooks. Delete one, or widen the events of one.`)
      const { next, events } = makeWebhook(ctx.newId(), input, { actor: ctx.actor.id, at: ctx.now() })
      await store.add(next)
      const secret = newSecret(next.signing)
      await store.addSecret(next.id, { id: ctx.newId(), text: secret, at: ctx.now() })
      await ctx.emit(tx, events)
      return { id: next.id, secret: toldOf(secret) }
    })
  }

const fixed = ['id', 'signing', 'disabledReason', 'disabledAt', 'createdBy', 'createdAt', 'updatedAt', 'revision'] as const

type Update = Readonly<{ id: string; change: WebhookChange; sentBack: object; ifMatch?: readonly string[] | undefined }>

/** Change any field; activated, it is told of what happens from here on. @throws WebhookNotFound (404); as `check` */
export const updateWebhook =
  (checks: Checks) =>
  async ({ id, change, sentBack, ifMatch }: Update, ctx: Ctx): Promise<void> => {
    await ctx.read((db) => webhookStore(db, checks.vault).assertThere(id)) // what is nowhere is not checked
    await check(change, checks)
    await ctx.transact(async (tx) => {
      const store = webhookStore(tx, checks.vault)
      const now = await store.lock(id)
      assertIfMatch(ifMatch, String(now.revision))
      await assertSentBack(async () => now, sentBack, fixed)
      const { next, events, activated, moved } = changeWebhook(now, change, ctx.now())
      if (events.length === 0) return
      await store.save(next, activated)
      if (activated || moved) await store.resetHealth(id)
      await ctx.emit(tx, events)
    })
  }

/** Delete it with all that was delivered, or was to be. @throws WebhookNotFound (404) */
export const deleteWebhook =
  ({ vault }: Checks) =>
  async ({ id, ifMatch }: { id: string; ifMatch?: readonly string[] | undefined }, ctx: Ctx): Promise<void> => {
    await ctx.transact(async (tx) => {
      const store = webhookStore(tx, vault)
      const now = await store.lock(id)
      assertIfMatch(ifMatch, String(now.revision))
      await store.remove(id)
      await ctx.emit(tx, between(shown(now), null, [webhookDeleted(id, { name: now.name })]))
    })
  }

export const defaultOverlapHours = 24

/**
 * A new secret; those before it sign beside it for the overlap.
 * @param input.overlapHours 0 to 168; 0: they end now
 * @throws WebhookNotFound (404), TooManySecrets (409)
 */
export const rotateSecret =
  ({ vault }: Checks) =>
  async ({ id, overlapHours = defaultOverlapHours }: { id: string; overlapHours?: number | undefined }, ctx: Ctx): Promise<string> => {
    return ctx.transact(async (tx) => {
      const store = webhookStore(tx, vault)
      const now = await store.lock(id)
      const at = ctx.now()
      if (overlapHours > 0 && (await store.countSecrets(id, at)) >= maxSecrets)
        throw new AppError(
          TooManySecrets,
          `${maxSecrets} secrets sign for this webhook. Wait until one ends, or rotate with "overlapHours": 0, which ends all of them.`,
        )
      const secret = newSecret(now.signing)
      const othersEnd = new Date(Date.parse(at) + overlapHours * 3_600_000).toISOString()
      await store.addSecret(id, { id: ctx.newId(), text: secret, at }, othersEnd)
      await ctx.emit(tx, between(shown(now), shown(now), [webhookSecretRotated(id, { name: now.name })]))
      return toldOf(secret)
    })
  }

/** Give a webhook up, unless somebody deleted it or gave it up meanwhile: its deliveries fail, and an event tells. */
export const disableWebhook =
  (vault: Vault) =>
  ({ id, reason }: { id: string; reason: 'gone' | 'failing' }, ctx: Ctx): Promise<void> =>
    ctx.transact(async (tx) => {
      const store = webhookStore(tx, vault)
      const now = await store.lock(id)
      if (!now.active) return
      const { failures } = await store.health(id)
      const next = giveUpWebhook(now, reason, ctx.now())
      await store.save(next)
      await store.failPending(id, ctx.now())
      await ctx.emit(tx, between(shown(now), shown(next), [webhookDisabled(id, { name: now.name, reason, failures })]))
    })
