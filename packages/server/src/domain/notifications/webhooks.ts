import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import type { AnyEndpoint } from '../../core/endpoint.ts'
import type { ListedEvent } from '../../core/events.ts'
import type { Expressions } from '../../core/expressions.ts'
import type { Job } from '../../core/jobs.ts'
import type { EventHandler } from '../../core/module.ts'
import type { Outbound } from '../../core/outbound.ts'
import { deliveryUpkeep } from './commands/upkeep.ts'
import { disableWebhook } from './commands/webhooks.ts'
import { createDeliveryFollowing, type DeliveryFeed, type DeliveryFollowing } from './jobs/following.ts'
import { forgetRedacted } from './jobs/forgetting.ts'
import { createReplaying } from './jobs/replaying.ts'
import { send } from './jobs/sending.ts'
import { vaultOf } from './model/sealing.ts'
import { webhookEvents } from './model/webhook-events.ts'
import { deliveries } from './routes/deliveries.ts'
import { replays } from './routes/replays.ts'
import { webhooks } from './routes/webhooks.ts'

export type WebhookOptions = Readonly<{
  outbound: Outbound
  expressions: Expressions
  /** 32 bytes: seals secrets and headers. */
  key: Uint8Array
  feed: DeliveryFeed
  /** One transaction across workspaces. */
  within<T>(work: (db: Db) => Promise<T>): Promise<T>
  /** The service itself, at work in a workspace. */
  contextIn(workspaceId: string): Ctx
  /** All types of events that are ever told. */
  types(): readonly string[]
  now: () => string
  log(message: string, details?: object): void
}>

export type Webhooks = Readonly<{
  endpoints: readonly AnyEndpoint[]
  events: readonly ListedEvent[]
  jobs: readonly Job[]
  on: Readonly<Record<string, EventHandler>>
  /** To be started and stopped. */
  following: DeliveryFollowing
  upkeep: typeof deliveryUpkeep
}>

/** Webhooks: who is told of what, and how it gets there. A part of the context `notifications`. */
export function createWebhooks({ outbound, expressions, key, feed, within, contextIn, types, now, log }: WebhookOptions): Webhooks {
  const vault = vaultOf(key)
  const disable = disableWebhook(vault)
  const following = createDeliveryFollowing({
    within,
    outbound,
    expressions,
    vault,
    feed,
    now,
    log,
    giveUp: ({ workspaceId, id, reason }) => disable({ id, reason }, contextIn(workspaceId)),
  })
  const replaying = createReplaying(expressions, following.wake)
  return {
    endpoints: [
      ...webhooks({ outbound, expressions, vault, types }),
      ...deliveries({
        vault,
        send: (message, at) => send(message, at, { outbound, vault }),
        wake: following.wake,
        process: following.process,
      }),
      ...replays(vault, replaying),
    ],
    events: webhookEvents,
    jobs: [forgetRedacted, replaying],
    on: { 'prompt.redacted': (event, tx, ctx) => ctx.enqueue(tx, forgetRedacted, { subject: event.subject }) },
    following,
    upkeep: deliveryUpkeep,
  }
}
