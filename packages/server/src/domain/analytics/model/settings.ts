import { type Static, Type } from 'typebox'
import { eventType, type ListedEvent } from '../../../core/events.ts'
import { Strict, Timestamp } from '../../../core/schemas.ts'
import { defaultRetentionDays } from './measurement.ts'
import type { PriceOverride } from './prices.ts'

export const retentionDays = Type.Integer({
  minimum: 1,
  maximum: 400,
  description: 'Days that single events are kept; sums are kept for good',
})
export const userIds = Type.Enum(['hashed', 'plain'], {
  description: 'How `userId` is kept from now on: as a keyed hash that nobody can read, or besides as it was sent',
})

export const Settings = Strict({ retentionDays, userIds }, { $id: 'AnalyticsSettings' })
export type Settings = Static<typeof Settings>

/** What a workspace has said about its measurements. */
export type Wishes = Settings & Readonly<{ prices: readonly PriceOverride[] }>
export const defaultWishes: Wishes = { retentionDays: defaultRetentionDays, userIds: 'hashed', prices: [] }

export const settingsChanged = eventType('analytics.settings_changed', Strict({ retentionDays, userIds }), {
  description: 'How long measurements are kept, or how their users are, was changed',
  access: 'analytics:read',
  promptless: true,
})
export const pricesChanged = eventType(
  'analytics.prices_changed',
  Strict({ count: Type.Integer({ minimum: 0, description: 'How many prices of its own the workspace has now' }) }),
  { description: 'The prices that costs are reckoned by were changed', access: 'analytics:read', promptless: true },
)
export const personErased = eventType(
  'analytics.person_erased',
  Strict({ events: Type.Integer({ minimum: 0, description: 'How many events the person was taken out of' }) }),
  { description: 'A person was taken out of the measurements', access: 'analytics:manage', promptless: true },
)
/** What the event log may carry of these. */
export const analyticsEvents: readonly ListedEvent[] = [settingsChanged, pricesChanged, personErased]

/** What the erasure of a person has done. */
export const Erased = Strict({
  events: Type.Integer({
    minimum: 0,
    description: 'Events that no longer say who it was; session, trace, comment and metadata are gone with it',
  }),
  days: Type.Integer({ minimum: 0, description: 'Sums of the user by day that were removed' }),
  tests: Type.Integer({
    minimum: 0,
    description: 'A/B tests whose exposures and outcomes of the person now stand for nobody; what is counted of them stays',
  }),
  erasedAt: Timestamp,
})
export type Erased = Static<typeof Erased>
