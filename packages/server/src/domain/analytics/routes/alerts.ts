import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Strict } from '../../../core/schemas.ts'
import { setAlerts } from '../commands/alerts.ts'
import { Alert, AlertInvalid, SentRule } from '../model/alert.ts'
import { listAlerts } from '../queries/alerts.ts'

const mostRules = 100
const Alerts = Strict({ items: Type.Array(Alert, { description: 'In the order in which they were sent' }) })

export const alerts: AnyEndpoint[] = [
  endpoint({
    name: 'analytics.alerts',
    method: 'GET',
    path: '/analytics/alerts',
    access: 'analytics:read',
    summary: 'The rules for alerts, each with its state and what was found last; they are looked at every minute',
    reply: Alerts,
    handle: (_, ctx) => listAlerts(ctx),
  }),
  endpoint({
    name: 'analytics.setAlerts',
    method: 'PUT',
    path: '/analytics/alerts',
    access: 'analytics:manage',
    summary: 'Set all rules for alerts: what is not sent is removed; a rule of the same name that stays what it was goes on',
    body: Strict({
      items: Type.Array(SentRule, { maxItems: mostRules, description: `All of them, at most ${mostRules}` }),
    }),
    reply: Alerts,
    errors: [AlertInvalid],
    handle: async ({ body }, ctx) => {
      await setAlerts(body.items, ctx)
      return listAlerts(ctx)
    },
  }),
]
