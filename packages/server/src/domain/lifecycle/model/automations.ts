import { type Static, Type } from 'typebox'
import { Id, Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'
import { conditionVariables } from './automations-facts.ts'
import { Status } from './transitions.ts'

/** How many rules a workspace may have. */
export const mostRules = 50
const defaultSchedule = '0 3 * * *'
const defaultLimit = 20
/** More prompts than these are not kept in one run. */
export const mostFound = 10_000

const kind = <K extends string>(value: K, description: string) => Type.Literal(value, { description })
const Label = Type.String({ pattern: '^(?!latest$)[a-z][a-z0-9._-]{0,63}$', description: 'A label' })
const Reason = Type.String({ minLength: 1, maxLength: 2000, description: 'Kept in the history; what the rule is called, without it' })

/** What a rule does with a prompt. */
export const Action = Type.Union(
  [
    Strict({
      kind: kind('move_status', 'Move it to another status'),
      status: Status,
      reason: Type.Optional(Reason),
      sunsetInDays: Type.Optional(
        Type.Integer({ minimum: 0, maximum: 3650, description: 'With `deprecated`: in how many days it is planned to be served no more' }),
      ),
    }),
    Strict({
      kind: kind('move_label', 'Let a label stand on a version'),
      label: Label,
      to: Type.Union([Type.Integer({ minimum: 1 }), Type.String({ minLength: 1, maxLength: 64, pattern: '^[a-z][a-z0-9._-]{0,63}$' })], {
        description: 'The number of a version, a label that stands on it, or `latest`: the newest',
      }),
      reason: Type.Optional(Reason),
    }),
    Strict({ kind: kind('revert_label', 'Put a label back to where it was'), label: Label, reason: Type.Optional(Reason) }),
    Strict({
      kind: kind('notify', 'Tell the event `automation.notified`, with each run for as long as it matches'),
      message: Type.String({ minLength: 1, maxLength: 500, description: 'What is told' }),
    }),
  ],
  { description: 'What is done with each prompt that matches' },
)
export type Action = Static<typeof Action>

const list = <S extends Parameters<typeof Type.Array>[0]>(item: S, description: string) =>
  Type.Optional(Type.Array(item, { minItems: 1, maxItems: 50, description }))

const Scope = Strict(
  {
    categories: list(ShortText('A category'), 'Prompts of these categories'),
    tags: list(ShortText('A tag'), 'Prompts that have one of these tags'),
    statuses: list(Status, 'Prompts that have one of these statuses'),
  },
  { description: 'Which prompts are examined: those that fit each field that is there; all of them without any' },
)

const named = Object.entries(conditionVariables)
  .map(([name, meaning]) => `\`${name}\` (${meaning})`)
  .join(', ')

/** The fields of a rule that its author gives, and that must be there. */
export const ruleFields = {
  name: ShortText('What it is called: unique, and what it is known by'),
  condition: Type.String({
    minLength: 1,
    maxLength: 2000,
    description: `CEL, true for the prompts that it is about: \`unusedDays >= 90\`. It may name ${named}. Days are whole days`,
  }),
  action: Action,
}
/** And those that may be left out, with what is taken then. */
export const ruleOptions = {
  description: Type.Optional(Type.String({ maxLength: 2000, description: 'What it is for' })),
  enabled: Type.Optional(Type.Boolean({ description: 'Whether it runs by its schedule; true without it' })),
  schedule: Type.Optional(
    Type.String({
      maxLength: 100,
      description: `Cron, in UTC: minute, hour, day of the month, month, day of the week; at most four times an hour. Each day at three without it`,
    }),
  ),
  scope: Type.Optional(Scope),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: mostFound,
      description: `A run that finds more prompts than this stops and asks before it does anything; ${defaultLimit} without it`,
    }),
  ),
}
export const RuleInput = Strict({ ...ruleFields, ...ruleOptions }, { $id: 'AutomationRule' })
export type RuleInput = Static<typeof RuleInput>

/** A rule with all its fields. */
export type Rule = Readonly<{
  name: string
  description: string
  enabled: boolean
  schedule: string
  scope: Static<typeof Scope>
  condition: string
  action: Action
  limit: number
}>

export const ruleOf = ({ name, condition, action, ...given }: RuleInput): Rule => ({
  name,
  condition,
  action,
  description: given.description ?? '',
  enabled: given.enabled ?? true,
  schedule: given.schedule ?? defaultSchedule,
  scope: given.scope ?? {},
  limit: given.limit ?? defaultLimit,
})

/** A rule as it is shown. */
export const Automation = Strict(
  {
    id: Id,
    name: Type.String(),
    description: Type.String(),
    enabled: Type.Boolean(),
    schedule: Type.String(),
    scope: Scope,
    condition: Type.String(),
    action: Action,
    limit: Type.Integer(),
    disabledReason: Nullable(Type.String(), { description: 'Why the service has turned it off; null: it has not' }),
    savedBy: Type.String({ description: 'Who saved it last: it acts with the rights that they have when it runs' }),
    savedAt: Timestamp,
    nextRunAt: Nullable(Timestamp, { description: 'When it runs next; null: it is off' }),
    revision: Type.Integer({ minimum: 1, description: 'The ETag' }),
  },
  { $id: 'Automation' },
)
export type Automation = Static<typeof Automation>
/** What is sent back as it was read, and not looked at: it changes by itself. */
export const readOnlyFields = ['disabledReason', 'savedBy', 'savedAt', 'nextRunAt', 'revision'] as const

/** What a rule needs its author to be allowed; nothing for telling. */
export const permissionFor: Readonly<Record<Action['kind'], string | undefined>> = {
  move_status: 'lifecycle:write',
  move_label: 'labels:write',
  revert_label: 'labels:write',
  notify: undefined,
}
