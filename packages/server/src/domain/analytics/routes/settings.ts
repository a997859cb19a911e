import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Strict } from '../../../core/schemas.ts'
import { changeSettings, setPrices } from '../commands/settings.ts'
import { PriceOverride } from '../model/prices.ts'
import { retentionDays, Settings, userIds } from '../model/settings.ts'
import { getPrices, getSettings } from '../queries/settings.ts'

const Prices = Strict({
  items: Type.Array(PriceOverride, { description: 'Prices that the workspace has set: they go before the table’s' }),
  unknownModels: Type.Array(
    Strict({
      provider: Type.String({ description: 'As events name it' }),
      model: Type.String({ description: 'As events name it' }),
      requests: Type.Integer({ minimum: 1, description: 'Uses without a cost' }),
    }),
    { description: 'Models of the last 30 days of whose uses some have no cost, the most uses first, at most 200' },
  ),
})

export const settings: AnyEndpoint[] = [
  endpoint({
    name: 'analytics.prices',
    method: 'GET',
    path: '/analytics/prices',
    access: 'analytics:read',
    summary: 'The prices that the workspace has set, and the models whose price is not known',
    reply: Prices,
    handle: (_, ctx) => getPrices(ctx),
  }),
  endpoint({
    name: 'analytics.setPrices',
    method: 'PUT',
    path: '/analytics/prices',
    access: 'analytics:manage',
    summary: 'Set the workspace’s own prices, in the place of those before; what is stored keeps its cost',
    body: Strict({
      items: Type.Array(PriceOverride, {
        maxItems: 1_000,
        description: 'All of them, at most 1,000; a later one of the same model counts',
      }),
    }),
    reply: Prices,
    handle: async ({ body }, ctx) => {
      await setPrices(body.items, ctx)
      return getPrices(ctx)
    },
  }),
  endpoint({
    name: 'analytics.settings',
    method: 'GET',
    path: '/analytics/settings',
    access: 'analytics:read',
    summary: 'How measurements are kept',
    reply: Settings,
    handle: (_, ctx) => getSettings(ctx),
  }),
  endpoint({
    name: 'analytics.changeSettings',
    method: 'PUT',
    path: '/analytics/settings',
    access: 'analytics:manage',
    summary: 'Change how measurements are kept',
    body: Strict({ retentionDays: Type.Optional(retentionDays), userIds: Type.Optional(userIds) }),
    reply: Settings,
    handle: ({ body }, ctx) => changeSettings(body, ctx),
  }),
]
