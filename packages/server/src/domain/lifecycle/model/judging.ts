import { may, type Principal } from '../../../core/access.ts'
import type { Difference } from './compatibility.ts'
import { frozenBy } from './freeze.ts'
import { holdsAt, holdsIn, type Policy } from './policies.ts'

/** A change as policies see it: what they hold for, and which versions come to be served. */
export type Change = Readonly<{
  promptId: string
  category: string
  labels: readonly Readonly<{ label: string; from: number | null; to: number | null }>[]
  publishes?: number
}>

/** What stands in the way, and the scope of the policy that says so. */
export type PolicyBlocker = Readonly<{
  code: 'approvals' | 'check' | 'freeze' | 'compatibility'
  scope: string
  detail: string
  label?: string
  differences?: readonly Difference[]
}>

/** What policies ask of one version that comes to be served: by a label, or, without one, as what is published. */
export type Demand = Readonly<{
  promptId: string
  category: string
  label?: string
  version: number
  /** Where the label stands now; null: nowhere. */
  from: number | null
  /** The scope that asks for the most, and how many people. */
  approvals?: Readonly<{ needed: number; scope: string }>
  /** The scope that asks for it, and what a lint must not find. */
  lint?: Readonly<{ scope: string; grave: readonly Finding['severity'][] }>
  /** The scope that asks for it. */
  compatible?: string
}>

/** What a lint says of a version. */
export type Finding = Readonly<{ severity: 'error' | 'warning' | 'info'; reason: string }>

/** What a lint must not find, by the strictest of some policies; undefined: it is not asked. */
function lintAsked(policies: readonly Policy[]): Demand['lint'] {
  const strict = policies.find(({ checks }) => checks.includes('lint_strict'))
  if (strict) return { scope: strict.scope, grave: ['error', 'warning'] }
  const plain = policies.find(({ checks }) => checks.includes('lint'))
  return plain && { scope: plain.scope, grave: ['error'] }
}

/** The most approvals that any of some policies asks for; undefined: none. */
export function approvalsAsked(policies: readonly Policy[]): Demand['approvals'] {
  const strictest = policies.reduce<Policy | undefined>((most, one) => (one.approvals > (most?.approvals ?? 0) ? one : most), undefined)
  return strictest && { needed: strictest.approvals, scope: strictest.scope }
}

/** What all policies together ask of a change: the strictest of each rule. Nothing is asked of a version that a label leaves. */
export function demandsOf(policies: readonly Policy[], { promptId, category, labels, publishes }: Change): Demand[] {
  const demand = (holding: readonly Policy[], place: Pick<Demand, 'label' | 'version' | 'from'>): Demand => {
    const approvals = approvalsAsked(holding)
    const lint = lintAsked(holding)
    const compatible = place.from === null ? undefined : holding.find(({ compatibility }) => compatibility === 'backward')?.scope
    return { promptId, category, ...place, ...(approvals && { approvals }), ...(lint && { lint }), ...(compatible && { compatible }) }
  }
  const labelled = labels.flatMap(({ label, from, to }) =>
    to === null
      ? []
      : [
          demand(
            policies.filter((one) => holdsAt(one, category, label)),
            { label, version: to, from },
          ),
        ],
  )
  if (publishes === undefined) return labelled
  const published = demand(
    policies.filter((one) => holdsIn(one, category)),
    { version: publishes, from: null },
  )
  return [...labelled, published]
}

/** The freezes that a change falls into. @param at now, RFC 3339 */
export function freezesOn(policies: readonly Policy[], { category, labels }: Change, at: string): PolicyBlocker[] {
  return policies.flatMap((policy) => {
    const { scope, freeze } = policy
    const label = holdsIn(policy, category) ? undefined : labels.find((one) => scope === `label:${one.label}`)?.label
    if (label === undefined && !holdsIn(policy, category)) return []
    const why = frozenBy(freeze, at)
    if (why === undefined) return []
    return [{ code: 'freeze', scope, ...(label && { label }), detail: `The policy of "${scope}" freezes what callers are served: ${why}.` }]
  })
}

/** An approval that stands: of which text, by whom, and which people are behind its giver and the author of the version. */
export type Approval = Readonly<{ reviewId: string; promptId: string; checksum: string; by: string; person: string; author: string }>
export type Place = Readonly<{ category: string; label?: string | undefined }>

/**
 * The people whose approval of a text counts at a place: each once, never the author of the version that was approved, and
 * only who may approve there now.
 * @param present what the givers may do now
 */
export function peopleFor(
  approvals: readonly Approval[],
  present: ReadonlyMap<string, Principal>,
  text: Readonly<{ promptId: string; checksum: string }>,
  { category, label }: Place,
): Set<string> {
  const counting = approvals.filter(({ promptId, checksum, by, person, author }) => {
    const giver = present.get(by)
    const isOfText = promptId === text.promptId && checksum === text.checksum
    return isOfText && person !== author && giver !== undefined && may(giver, 'reviews:approve', { category, ...(label && { label }) })
  })
  return new Set(counting.map(({ person }) => person))
}

const people = (count: number): string => (count === 1 ? '1 person' : `${count} people`)

/** What a demand for approvals lacks. @param given how many people's approvals count */
export function approvalBlocker({ approvals, label, version }: Demand, given: number): PolicyBlocker | undefined {
  if (!approvals || given >= approvals.needed) return undefined
  const { needed, scope } = approvals
  return {
    code: 'approvals',
    scope,
    ...(label && { label }),
    detail: `The policy of "${scope}" asks for the approval of ${people(needed)} other than the author, and version ${version} has that of ${given}. Ask for a review: POST /prompts/{id}/reviews.`,
  }
}

/** @param findings all that the lint says of the version */
export function lintBlocker({ lint, label, version }: Demand, findings: readonly Finding[]): PolicyBlocker | undefined {
  const grave = lint ? findings.filter(({ severity }) => lint.grave.includes(severity)) : []
  if (!lint || grave.length === 0) return undefined
  const { scope } = lint
  const told = grave.slice(0, 5).map(({ reason }) => reason)
  const detail = `The policy of "${scope}" asks for a lint without ${lint.grave.join(' or ')}, and finds ${grave.length} in version ${version}. ${told.join(' ')}`
  return { code: 'check', scope, ...(label && { label }), detail: detail.slice(0, 2_000) }
}

/** @param differences what callers of the version that the label leaves would run into; told are 50 at most */
export function compatibilityBlocker(demand: Demand, differences: readonly Difference[]): PolicyBlocker | undefined {
  const { compatible: scope, label, version, from } = demand
  if (!scope || differences.length === 0) return undefined
  const told = differences.slice(0, 5).map(({ detail }) => detail)
  const detail = `The policy of "${scope}" keeps callers of version ${from} working, and version ${version} breaks them. ${told.join(' ')}`
  return { code: 'compatibility', scope, ...(label && { label }), detail: detail.slice(0, 2_000), differences: differences.slice(0, 50) }
}
