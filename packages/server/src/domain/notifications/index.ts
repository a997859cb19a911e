import { defineModule, type Module } from '../../core/module.ts'
import type { DeliveryFollowing } from './jobs/following.ts'
import { createWebhooks, type WebhookOptions } from './webhooks.ts'

export type Notifications = Readonly<{
  module: Module
  /** To be started and stopped. */
  deliveries: DeliveryFollowing
}>

/** What others are told: webhooks. */
export function createNotifications(options: WebhookOptions): Notifications {
  const webhooks = createWebhooks(options)
  return {
    module: defineModule({
      name: 'notifications',
      endpoints: webhooks.endpoints,
      events: webhooks.events,
      jobs: webhooks.jobs,
      on: webhooks.on,
    }),
    deliveries: webhooks.following,
  }
}
