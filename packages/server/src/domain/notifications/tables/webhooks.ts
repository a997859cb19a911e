import type { Generated, Json } from '../../../core/db.ts'
import type { AttemptHeaders, DeliveryState } from '../model/deliveries.ts'
import type { Minute } from '../model/health.ts'
import type { ReplaySelection, ReplayStatus } from '../model/replays.ts'
import type { Signing } from '../model/webhooks.ts'

/** The tables of webhooks. No other context may name them in SQL. */
declare module '../../../core/db.ts' {
  interface Tables {
    webhook: Owned & {
      id: string
      name: string
      url: string
      events: string[]
      filter: string | null
      active: boolean
      retrySchedule: number[] | null
      timeoutMs: number
      headers: string | null
      signing: Signing
      disabledReason: string | null
      disabledAt: string | null
      fromPosition: number | null
      createdBy: string
      createdAt: string
      updatedAt: string
      revision: number
    }
    webhookSecret: Owned & { webhookId: string; id: string; sealed: string; createdAt: string; expiresAt: string | null }
    webhookHealth: Owned & {
      webhookId: string
      minutes: Json<readonly Minute[]>
      tripped: Generated<boolean>
      blockedAt: string | null
      blockedUntil: string | null
      slowUntil: string | null
      failingSince: string | null
      failures: Generated<number>
      lastSuccessAt: string | null
      filterError: string | null
      filterErrorAt: string | null
    }
    webhookDelivery: Owned & {
      id: string
      webhookId: string
      eventId: number | null
      messageId: string
      type: string
      subject: string
      replayId: string | null
      state: DeliveryState
      tries: Generated<number>
      attempts: Generated<number>
      createdAt: string
      scheduledAt: string
      nextAttemptAt: string | null
      claimToken: string | null
      claimedAt: string | null
      claimedUntil: string | null
      finishedAt: string | null
    }
    webhookAttempt: Owned & {
      deliveryId: string
      attempt: number
      at: string
      tookMs: number
      failure: string | null
      detail: string | null
      status: number | null
      address: string | null
      requestHeaders: Json<AttemptHeaders>
      responseHeaders: Json<AttemptHeaders> | null
      responseBody: string | null
      truncated: Generated<boolean>
      nextAttemptAt: string | null
    }
    webhookReplay: Owned & {
      id: string
      webhookId: string
      selection: Json<ReplaySelection>
      dryRun: boolean
      status: ReplayStatus
      position: number
      lastPosition: number
      done: number
      total: number
      matched: number
      error: string | null
      createdBy: string
      createdAt: string
      startedAt: string | null
      finishedAt: string | null
    }
    webhookProgress: { onlyRow: Generated<boolean>; position: number }
  }
}
