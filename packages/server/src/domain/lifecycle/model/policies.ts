import { type Static, Type } from 'typebox'
import type { On } from '../../../core/access.ts'
import { eventType } from '../../../core/events.ts'
import { Nullable, Strict, Timestamp } from '../../../core/schemas.ts'
import { sentBack } from '../../../core/sent-back.ts'
import { FreezeWindow, freezeOf } from './freeze.ts'

/** How many policies a workspace can have: all of them are looked at with each change of what is served. */
export const maxPolicies = 200

export const PolicyScope = Type.String({
  pattern: String.raw`^(workspace|category:[^\u0000-\u001f\u007f-\u009f]{1,200}|label:(?!latest$)[a-z][a-z0-9._-]{0,63})$`,
  description: 'Where it holds: `workspace`, `category:<name>` or `label:<label>`; percent-encoded in a path',
})

const checks = ['lint', 'lint_strict'] as const
const approvals = {
  minimum: 0,
  maximum: 10,
  description: 'How many people other than the author must have approved the version in a review',
}
const CheckName = Type.Enum([...checks], { description: 'lint: the lint finds no error in the version; lint_strict: and no warning' })
const compatibility = {
  description: 'backward: a label does not move to a version that needs a variable its callers do not send, or takes less than before',
}

/** What a change of what callers are served needs. Where several hold, the strictest of each rule does. */
export const Policy = Strict(
  {
    scope: PolicyScope,
    approvals: Type.Integer(approvals),
    checks: Type.Array(CheckName, { description: 'What a version must pass' }),
    freeze: Type.Array(FreezeWindow, { description: 'When nothing that callers are served may change' }),
    compatibility: Type.Enum(['none', 'backward'], compatibility),
    updatedBy: Type.String(),
    updatedAt: Timestamp,
    revision: Type.Integer({ minimum: 1, description: 'Counts its changes; the ETag' }),
  },
  { $id: 'Policy' },
)
export type Policy = Static<typeof Policy>

export const policyReadOnly = ['scope', 'updatedBy', 'updatedAt', 'revision'] as const
/** PUT merges: absent stays, null clears. */
export const ChangePolicy = Strict({
  ...sentBack(Policy.properties, policyReadOnly),
  approvals: Type.Optional(Nullable(Type.Integer(approvals), { description: `${approvals.description}; null: none` })),
  checks: Type.Optional(Nullable(Type.Array(CheckName, { maxItems: checks.length }), { description: 'What a version must pass' })),
  freeze: Type.Optional(
    Nullable(Type.Array(FreezeWindow, { maxItems: 20 }), {
      description: 'When nothing that callers are served may change: up to 20 windows',
    }),
  ),
  compatibility: Type.Optional(Nullable(Type.Enum(['none', 'backward']), compatibility)),
})
export type ChangePolicy = Static<typeof ChangePolicy>

export const policyChanged = eventType(
  'policy.changed',
  Strict({ scope: Type.String(), approvals: Type.Integer(), checks: Type.Array(Type.String()), compatibility: Type.String() }),
  { description: 'Changes of what callers are served need something else than before' },
)
export const policyRemoved = eventType('policy.removed', Strict({ scope: Type.String() }), {
  description: 'A scope has no policy of its own any more',
})
export const glassBroken = eventType(
  'policy.glass_broken',
  Strict({
    category: Type.String(),
    blockers: Type.Array(Strict({ code: Type.String(), scope: Type.String() }), { description: 'What stood in the way' }),
    reason: Type.String(),
  }),
  { description: 'What policies forbade was done with a prompt nevertheless, by somebody who may' },
)

type Rules = Pick<Policy, 'approvals' | 'checks' | 'freeze' | 'compatibility'>
const nothing: Rules = { approvals: 0, checks: [], freeze: [], compatibility: 'none' }

/** The rules of a policy after a change. @param before undefined: there was none @throws PolicyInvalid (422) */
export function changeRules(before: Rules | undefined, change: ChangePolicy): Rules {
  const { approvals, checks, freeze, compatibility } = before ?? nothing
  return {
    approvals: change.approvals === undefined ? approvals : (change.approvals ?? nothing.approvals),
    checks: change.checks === undefined ? checks : [...new Set(change.checks)],
    freeze: change.freeze === undefined ? freeze : freezeOf(change.freeze ?? []),
    compatibility: change.compatibility === undefined ? compatibility : (change.compatibility ?? nothing.compatibility),
  }
}

/** Neither a category nor a label: what only somebody has whose rights are not limited to some. */
const nowhere = { category: '', label: null }

/** For what a permission must hold whose holder sets the policy of a scope: for all that it reaches. */
export function placeOf(scope: string): On {
  if (scope.startsWith('category:')) return { ...nowhere, category: scope.slice('category:'.length) }
  if (scope.startsWith('label:')) return { ...nowhere, label: scope.slice('label:'.length) }
  return nowhere
}

/** Whether a policy holds for the prompts of a category as a whole. */
export const holdsIn = ({ scope }: Pick<Policy, 'scope'>, category: string): boolean =>
  scope === 'workspace' || scope === `category:${category}`

/** Whether it holds for a label of the prompts of a category. */
export const holdsAt = (policy: Pick<Policy, 'scope'>, category: string, label: string): boolean =>
  holdsIn(policy, category) || policy.scope === `label:${label}`
