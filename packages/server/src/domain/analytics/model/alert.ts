import { type Static, Type } from 'typebox'
import { errorKind } from '../../../core/errors.ts'
import { type DomainEvent, eventType, type ListedEvent } from '../../../core/events.ts'
import { Id, Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'
import { sentBack } from '../../../core/sent-back.ts'
import { MetricName } from './metrics.ts'

export const AlertInvalid = errorKind({ code: 'analytics.alert_invalid', status: 422, title: 'A rule for alerts makes no sense' })

/** What a rule is about; without any of these it is the whole workspace. */
const Scope = Strict(
  {
    promptId: Type.Optional(Id),
    model: Type.Optional(ShortText('Uses of this model')),
    service: Type.Optional(ShortText('Uses by this application')),
  },
  { description: 'What is looked at: what fits all of these; the whole workspace without any' },
)

const said = {
  name: ShortText('Unique in the workspace: a rule of the same name goes on where it was'),
  description: Type.Optional(Type.String({ maxLength: 2_000, description: 'What it is for, and what to do when it fires' })),
  metric: MetricName,
  scope: Type.Optional(Scope),
  windowHours: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 168, description: 'How long a time is looked at, up to now; 1 without it' }),
  ),
  direction: Type.Enum(['above', 'below', 'either'], {
    description: 'On which side it fires: high latency is above, a low success rate below; either is for deviations alone',
  }),
  threshold: Type.Optional(Type.Number({ description: 'Fires beyond this value, in the unit of the metric. Either this or `deviations`' })),
  deviations: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: 100,
      description: 'Fires this many robust standard deviations away from the median of earlier windows; 3.5 is usual',
    }),
  ),
  baselineDays: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 56,
      description: 'For `deviations`: how many days before the window are compared with; 14 without it',
    }),
  ),
  clear: Type.Optional(
    Type.Number({
      description: 'Clears when the value (or the deviation) is back at this; without it at the threshold, or at half the deviations',
    }),
  ),
  forMinutes: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1_440,
      description: 'How long it has to last, before it fires and before it clears; 5 without it',
    }),
  ),
  minimumEvents: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1_000_000_000,
      description: 'With fewer events in the window nothing changes; 20 without it. 0, for requests below, lets silence fire',
    }),
  ),
}
export const AlertRule = Strict(said, { $id: 'AlertRule', description: 'When to be told of what is measured' })
export type AlertRule = Static<typeof AlertRule>

const verdicts = ['breached', 'between', 'clear', 'no_data'] as const
const Evaluation = Strict({
  at: Timestamp,
  value: Nullable(Type.Number(), { description: 'Of the window, in the unit of the metric' }),
  deviation: Nullable(Type.Number(), { description: 'Robust standard deviations from the baseline; null for a threshold' }),
  events: Type.Number({ minimum: 0, description: 'How many the value is made of; the first hour of the window counts by its part' }),
  verdict: Type.Enum([...verdicts], {
    description: 'breached: it would fire; clear: it would clear; between: it stays; no_data: too little is known, it stays',
  }),
  detail: Type.String({ description: 'In words' }),
})
export type Evaluation = Static<typeof Evaluation>

const kept = {
  id: Id,
  state: Type.Enum(['ok', 'firing'], { description: 'firing: it was beyond for long enough, and is not yet back' }),
  since: Timestamp,
  evaluation: Nullable(Evaluation, { description: 'What was found last; null: it was not looked at yet' }),
  savedBy: Type.String({ description: 'Who set it' }),
  savedAt: Timestamp,
}
export const Alert = Strict({ ...said, ...kept }, { $id: 'Alert' })
export type Alert = Static<typeof Alert>

/** A rule as it is sent: what was read may be sent back. */
export const SentRule = Strict({ ...said, ...sentBack(kept, Object.keys(kept) as (keyof typeof kept)[]) })

/** A rule with what it does not say filled in. */
export type FullRule = Required<Pick<AlertRule, 'windowHours' | 'baselineDays' | 'forMinutes' | 'minimumEvents' | 'scope'>> & AlertRule

/** @param rule as it was sent, with or without what is read-only */
export function ruleOf(rule: AlertRule): AlertRule {
  const {
    name,
    description,
    metric,
    scope,
    windowHours,
    direction,
    threshold,
    deviations,
    baselineDays,
    clear,
    forMinutes,
    minimumEvents,
  } = rule
  const all = {
    name,
    description,
    metric,
    scope,
    windowHours,
    direction,
    threshold,
    deviations,
    baselineDays,
    clear,
    forMinutes,
    minimumEvents,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as AlertRule
}

export const fullRule = (rule: AlertRule): FullRule => ({
  windowHours: 1,
  baselineDays: 14,
  forMinutes: 5,
  minimumEvents: 20,
  scope: {},
  ...rule,
})

const facts = {
  name: Type.String({ description: 'Of the rule' }),
  metric: MetricName,
  direction: said.direction,
  promptId: Type.Optional(Id),
  category: Type.Optional(Type.String({ description: 'Of the prompt, where the rule is about one' })),
  value: Nullable(Type.Number(), { description: 'Of the metric, as it was found last' }),
  detail: Type.String({ description: 'In words' }),
}
const alertRaised = eventType('alert.raised', Strict(facts), {
  description: 'A measurement went beyond what a rule allows, and stayed there',
  access: 'analytics:read',
})
const alertCleared = eventType(
  'alert.cleared',
  Strict({
    ...facts,
    reason: Type.Enum(['recovered', 'rule_changed', 'rule_removed'], { description: 'Why it does not fire any more' }),
    firedAt: Timestamp,
  }),
  { description: 'A measurement is back where a rule wants it, or the rule is another', access: 'analytics:read' },
)
export const alertsChanged = eventType(
  'analytics.alerts_changed',
  Strict({ count: Type.Integer({ minimum: 0, description: 'How many rules the workspace has now' }) }),
  { description: 'The rules for alerts were changed', access: 'analytics:read', promptless: true },
)
export const alertEvents: readonly ListedEvent[] = [alertRaised, alertCleared, alertsChanged]

type Known = Readonly<{ id: string; rule: AlertRule; evaluation: Evaluation | null; since: string }>
type Reason = 'recovered' | 'rule_changed' | 'rule_removed'

/** What is told of an alert. @param category of the prompt that the rule is about */
export function told({ id, rule, evaluation, since }: Known, category: string | undefined, cleared?: Reason): DomainEvent {
  const { name, metric, direction, scope } = rule
  const facts = {
    name,
    metric,
    direction,
    ...(scope?.promptId && { promptId: scope.promptId }),
    ...(category !== undefined && { category }),
    value: evaluation?.value ?? null,
    detail: evaluation?.detail ?? '',
  }
  return cleared ? alertCleared(id, { ...facts, reason: cleared, firedAt: since }) : alertRaised(id, facts)
}

export const categoryOfRule = (categories: ReadonlyMap<string, string>, { scope }: AlertRule): string | undefined =>
  scope?.promptId === undefined ? undefined : categories.get(scope.promptId)
