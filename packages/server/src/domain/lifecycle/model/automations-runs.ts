import { type Static, Type } from 'typebox'
import { Id, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'
import { type Action, RuleInput } from './automations.ts'
import { allowedFrom, type Status } from './transitions.ts'

export const RunStatus = Type.Enum(['queued', 'running', 'needs_confirmation', 'succeeded', 'failed', 'cancelled'], {
  description: 'needs_confirmation: it found more prompts than its limit, and has done nothing yet',
})
export type RunStatus = Static<typeof RunStatus>
export const Trigger = Type.Enum(['schedule', 'manual', 'dry_run'], { description: 'dry_run: nothing was changed' })
export type Trigger = Static<typeof Trigger>
export const OutcomeKind = Type.Enum(['found', 'applied', 'would_apply', 'blocked', 'skipped', 'failed'], {
  description:
    'found: it waits for its turn, or for the confirmation. would_apply: in a dry run. blocked: a right or a rule stood in the way. skipped: it was gone, or did not match any more',
})
export type OutcomeKind = Static<typeof OutcomeKind>

const Count = (description: string) => Type.Integer({ minimum: 0, description })
const Counts = Strict({
  examined: Count('Prompts that were looked at'),
  matched: Count('Prompts for which the condition is true'),
  notApplicable: Count('Of these: prompts with nothing to do, such as those that have the status already, or cannot get there'),
  conditionErrors: Count('Prompts for which the condition could not be evaluated'),
  found: Count('Prompts that wait for their turn, or for the confirmation'),
  applied: Count('Prompts with which it was done'),
  wouldApply: Count('In a dry run: prompts with which it would be done'),
  blocked: Count('Prompts where a right or a rule stood in the way'),
  skipped: Count('Prompts that were gone, changed, or did not match any more when their turn came'),
  failed: Count('Prompts with which something else went wrong'),
})
export type Counts = Static<typeof Counts>

export const ConditionError = Strict({
  promptId: Id,
  failed: Type.Enum(['timeout', 'error', 'not_boolean']),
  detail: Type.String(),
})
export type ConditionError = Static<typeof ConditionError>
/** So many of the errors of a condition are kept with their prompts. */
export const mostErrorsKept = 20

export const AutomationRun = Strict(
  {
    id: Id,
    automationId: Nullable(Id, { description: 'null: a rule that was tried without being saved' }),
    rule: Type.Unsafe<RuleInput>({ ...RuleInput, $id: undefined, description: 'The rule as it was' }),
    trigger: Trigger,
    requestedBy: Type.String({ description: 'Who asked for the run; the rule itself, by its schedule' }),
    reason: Nullable(Type.String(), { description: 'Why it was asked for' }),
    actsFor: Type.String({ description: 'With whose rights it acts' }),
    status: RunStatus,
    progress: Strict({ done: Type.Integer({ minimum: 0 }), total: Type.Integer({ minimum: 0 }) }),
    createdAt: Timestamp,
    startedAt: Nullable(Timestamp, { description: 'null: it waits for a worker' }),
    finishedAt: Nullable(Timestamp),
    error: Nullable(Type.String(), { description: 'Why it failed or stopped as a whole; not told to callers limited to categories' }),
    confirmedBy: Nullable(Type.String()),
    confirmedAt: Nullable(Timestamp),
    counts: Nullable(Counts, { description: 'null for callers whose reading is limited to categories' }),
    errors: Type.Array(ConditionError, { description: `Errors of the condition, the first ${mostErrorsKept}` }),
  },
  { $id: 'AutomationRun' },
)
export type AutomationRun = Static<typeof AutomationRun>

export const Outcome = Strict({
  promptId: Id,
  category: Type.String(),
  name: Type.String(),
  outcome: OutcomeKind,
  problem: Nullable(Type.Record(Type.String(), Type.Unknown()), { description: 'Why it was not done' }),
  at: Timestamp,
})
export type Outcome = Static<typeof Outcome>

/** What an action looks at of a prompt. */
type Target = Readonly<{ status: string; versions: number; labels: Readonly<Record<string, number>> }>

/** The version that a label is to stand on; undefined where there is none. */
export function versionFor(to: number | string, { versions, labels }: Target): number | undefined {
  if (to === 'latest') return versions
  const version = typeof to === 'number' ? to : Object.hasOwn(labels, to) ? labels[to] : undefined
  return version !== undefined && version <= versions ? version : undefined
}

/** Whether there is anything to do with a prompt. Whether it may be done is decided when it is. */
export function isApplicable(action: Action, target: Target): boolean {
  const isSet = (label: string) => Object.hasOwn(target.labels, label)
  switch (action.kind) {
    case 'move_status':
      return allowedFrom(target.status as Status).includes(action.status)
    case 'move_label': {
      const version = versionFor(action.to, target)
      return version !== undefined && !(isSet(action.label) && target.labels[action.label] === version)
    }
    case 'revert_label':
      return isSet(action.label)
    case 'notify':
      return true
  }
}

/** How a run ends: in failure when its condition could be evaluated for no prompt at all. */
export const verdictOf = ({ examined, conditionErrors }: Pick<Counts, 'examined' | 'conditionErrors'>): 'succeeded' | 'failed' =>
  examined > 0 && conditionErrors === examined ? 'failed' : 'succeeded'
