import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { ExpressionInvalid } from '../../../core/expressions.ts'
import { FieldReadOnly, PreconditionFailed } from '../../../core/problem.ts'
import { Id, Nullable, Strict } from '../../../core/schemas.ts'
import { assertSentBack, sentBack } from '../../../core/sent-back.ts'
import { deleteAutomation, saveAutomations, updateAutomation } from '../commands/automations.ts'
import type { AutomationParts } from '../commands/automations-parts.ts'
import { Automation, mostRules, type RuleInput, readOnlyFields, ruleFields, ruleOptions } from '../model/automations.ts'
import { AutomationInvalid, AutomationNameTaken, AutomationNotFound, MetricsUnavailable } from '../model/automations-failures.ts'
import { ScheduleInvalid } from '../model/automations-schedule.ts'
import { tagOf } from '../model/automations-set.ts'
import { getAutomation, listAutomations } from '../queries/automations.ts'

const AutomationId = Strict({ id: Id })
const passedOver = sentBack(Automation.properties, readOnlyFields)
const Item = Strict({
  id: Type.Optional(Type.String({ ...Id, description: 'Which one it is; without it that of this name, or a new one' })),
  ...ruleFields,
  ...ruleOptions,
  ...passedOver,
})
const All = Strict({ items: Type.Array(Automation, { description: 'By name' }) })
const ruleErrors = [ExpressionInvalid, MetricsUnavailable, ScheduleInvalid, AutomationInvalid, AutomationNameTaken]
const { name, condition, action } = ruleFields
const { description, enabled, schedule, scope, limit } = ruleOptions
const orNull = <S extends Parameters<typeof Nullable>[0]>(field: S) =>
  Type.Optional(
    Nullable(field, { description: `${(field as { description?: string }).description ?? ''}; null: what is taken without it` }),
  )
const Changes = Strict({
  name: Type.Optional(name),
  condition: Type.Optional(condition),
  action: Type.Optional(action),
  description: orNull(description),
  enabled: orNull(enabled),
  schedule: orNull(schedule),
  scope: orNull(scope),
  limit: orNull(limit),
  ...sentBack(Automation.properties, ['id']),
  ...passedOver,
})
const etag = ({ revision }: Automation) => String(revision)
const changesOf = ({ id: _id, ...body }: object & { id?: unknown }): Partial<RuleInput> =>
  Object.fromEntries(Object.entries(body).filter(([field]) => !(readOnlyFields as readonly string[]).includes(field)))

/** The rules themselves; what they do is in `automation-runs.ts`. */
export const automations = ({ expressions }: Pick<AutomationParts, 'expressions'>): AnyEndpoint[] => [
  endpoint({
    name: 'lifecycle.automations',
    method: 'GET',
    path: '/lifecycle/automations',
    access: 'lifecycle:read',
    summary: 'List the rules that move prompts by themselves',
    reply: All,
    etag: ({ items }) => tagOf(items),
    handle: async (_, ctx) => ({ items: await listAutomations(ctx) }),
  }),
  endpoint({
    name: 'lifecycle.saveAutomations',
    method: 'PUT',
    path: '/lifecycle/automations',
    access: 'automations:write',
    summary: 'Set all rules: what is not sent is removed, and ids stay with the names',
    body: Strict({ items: Type.Array(Item, { maxItems: mostRules, description: `All of them, at most ${mostRules}` }) }),
    reply: All,
    errors: [...ruleErrors, PreconditionFailed],
    etag: ({ items }) => tagOf(items),
    handle: async ({ body, ifMatch }, ctx) => ({
      items: await saveAutomations(expressions)({ items: body.items as RuleInput[], ...(ifMatch && { ifMatch }) }, ctx),
    }),
  }),
  endpoint({
    name: 'lifecycle.automation',
    method: 'GET',
    path: '/lifecycle/automations/:id',
    access: 'lifecycle:read',
    summary: 'Get one rule',
    params: AutomationId,
    reply: Automation,
    errors: [AutomationNotFound],
    etag,
    handle: ({ params }, ctx) => getAutomation(params, ctx),
  }),
  endpoint({
    name: 'lifecycle.updateAutomation',
    method: 'PUT',
    path: '/lifecycle/automations/:id',
    access: 'automations:write',
    summary: 'Change one rule; whoever changes it is whom it acts for',
    params: AutomationId,
    body: Changes,
    reply: Automation,
    errors: [AutomationNotFound, ...ruleErrors, FieldReadOnly, PreconditionFailed],
    etag,
    async handle({ params, body, ifMatch }, ctx) {
      await assertSentBack(() => getAutomation(params, ctx), body, ['id'])
      return updateAutomation(expressions)({ ...changesOf(body), ...params, ...(ifMatch && { ifMatch }) }, ctx)
    },
  }),
  endpoint({
    name: 'lifecycle.deleteAutomation',
    method: 'DELETE',
    path: '/lifecycle/automations/:id',
    access: 'automations:write',
    summary: 'Remove a rule; a run of it that goes on ends',
    params: AutomationId,
    errors: [AutomationNotFound, PreconditionFailed],
    handle: ({ params, ifMatch }, ctx) => deleteAutomation({ ...params, ...(ifMatch && { ifMatch }) }, ctx),
  }),
]
