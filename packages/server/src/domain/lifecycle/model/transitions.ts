import { type Static, Type } from 'typebox'
import { AppError, errorKind } from '../../../core/errors.ts'
import { unprocessable } from '../../../core/problem.ts'
import { Id, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'

const statuses = ['draft', 'review', 'published', 'deprecated', 'archived'] as const
export const Status = Type.Enum([...statuses], { description: 'Where the prompt stands in its life' })
export type Status = Static<typeof Status>

export const MoveNotAllowed = errorKind({
  code: 'lifecycle.move_not_allowed',
  status: 409,
  title: 'The lifecycle has no such move from here',
})
export const MoveBlocked = errorKind({ code: 'lifecycle.move_blocked', status: 409, title: 'A condition of the move is not met' })
export const BulkRefused = errorKind({ code: 'lifecycle.bulk_refused', status: 409, title: 'Not all of the prompts can go' })
export const DeprecationInvalid = errorKind({
  code: 'lifecycle.deprecation_invalid',
  status: 422,
  title: 'What is said of the deprecation makes no sense',
})

const announced = {
  sunsetAt: Nullable(Timestamp, { description: 'When a deprecated prompt is planned to be served no more' }),
  successorId: Nullable(Id, { description: 'The prompt to use instead of a deprecated one' }),
}

/** Where a prompt stands in its life. */
export const Lifecycle = Strict(
  {
    promptId: Id,
    category: Type.String(),
    name: Type.String(),
    status: Status,
    allowed: Type.Array(Status, { description: 'Where it can go from here, if the conditions are met' }),
    deprecatedAt: Nullable(Timestamp, { description: 'Since when it is deprecated; it stays when the prompt is archived' }),
    ...announced,
    reason: Nullable(Type.String(), { description: 'Of the last move' }),
    movedBy: Nullable(Type.String(), { description: 'Who made the last move; null: it was never moved' }),
    movedAt: Nullable(Timestamp),
    revision: Type.Integer({ minimum: 1, description: 'Of the prompt; the ETag' }),
  },
  { $id: 'Lifecycle' },
)
export type Lifecycle = Static<typeof Lifecycle>

/** One line of a prompt's history; from deprecated to deprecated: only what is told of it changed. */
export const LifecycleMove = Strict(
  { from: Status, to: Status, reason: Nullable(Type.String()), ...announced, movedBy: Type.String(), movedAt: Timestamp },
  { $id: 'LifecycleMove' },
)
export type LifecycleMove = Static<typeof LifecycleMove>

const Count = Type.Integer({ minimum: 0 })
export const Counts = Strict({
  counts: Strict({ draft: Count, review: Count, published: Count, deprecated: Count, archived: Count }),
  total: Count,
})
export type Counts = Static<typeof Counts>
export const noneYet: Counts['counts'] = { draft: 0, review: 0, published: 0, deprecated: 0, archived: 0 }

/** What each status means to those who read and serve the prompt. */
const meanings: Readonly<Record<Status, string>> = {
  draft: 'Being written. Served like any other: what is served is decided by labels.',
  review: 'Waiting for a decision.',
  published: 'Released for use.',
  deprecated: 'Served with the headers Deprecation, Sunset and a link to its successor.',
  archived: 'Served by pinned version only; by label it is 410.',
}

/** What the conditions of a move are judged by. */
export type Facts = Readonly<{
  /** May the caller move prompts of this category? */
  mayMove: boolean
  /** Prompts that include a label of this one. */
  followers: readonly string[]
  /** The scope of the policy that asks for a review of prompts like this one. */
  reviewedBy?: string | undefined
}>

/** Something that a move needs; `blocker` says what is wrong when it is not met. */
type Condition = Readonly<{ code: string; detail: string; blocker?: (facts: Facts) => string | undefined }>
export type Blocker = Readonly<{ code: string; detail: string; scope?: string }>

const permission: Condition = {
  code: 'permission',
  detail: 'The caller has the permission lifecycle:write for the category of the prompt.',
  blocker: ({ mayMove }) => (mayMove ? undefined : 'You need the permission "lifecycle:write" for the category of this prompt.'),
}
/** Nothing asks for a review but a policy, so without one this is always met. */
const noReview: Condition = {
  code: 'no_review_required',
  detail: 'No policy asks for approvals of the prompt before it is published, unless the glass is broken.',
  blocker: ({ reviewedBy }) =>
    reviewedBy === undefined ? undefined : `The policy of "${reviewedBy}" asks for approvals. Move the prompt to "review" first.`,
}
/** These two are judged by policies, under the commands of prompts; here they are told. */
const approved: Condition = {
  code: 'policies',
  detail: 'The newest version has the approvals and passes the checks that the policies of the workspace and the category ask for.',
}
const notFrozen: Condition = {
  code: 'not_frozen',
  detail: 'No policy of the workspace, the category or a label of the prompt freezes what callers are served.',
}
const notFollowed: Condition = {
  code: 'not_followed',
  detail: 'No other prompt includes it by a label, unless the move is forced (with the permission prompts:force).',
  blocker: ({ followers }) =>
    followers.length === 0
      ? undefined
      : `These prompts include it by a label and could not be served: ${followers.join(', ')}. Change them first, or send "force": true.`,
}

export type Transition = Readonly<{ from: Status; to: Status; conditions: readonly Condition[] }>
const edge = (from: Status, to: Status, ...more: Condition[]): Transition => ({ from, to, conditions: [permission, ...more] })

/** Every move there is, and what it needs: the one place that says so. */
export const transitions: readonly Transition[] = [
  edge('draft', 'review'),
  edge('draft', 'published', noReview, approved, notFrozen),
  edge('draft', 'archived', notFollowed, notFrozen),
  edge('review', 'draft'),
  edge('review', 'published', approved, notFrozen),
  edge('published', 'deprecated', notFrozen),
  edge('deprecated', 'published', approved, notFrozen),
  edge('deprecated', 'archived', notFollowed, notFrozen),
  edge('archived', 'draft', notFrozen),
]

/** Where a prompt can go from a status. */
export const allowedFrom = (from: Status): Status[] => transitions.filter((t) => t.from === from).map(({ to }) => to)

/** The table as it is told: statuses, and edges with their conditions. */
export const rules = () => ({
  initial: 'draft' as const,
  statuses: statuses.map((status) => ({ status, meaning: meanings[status], allowed: allowedFrom(status) })),
  transitions: transitions.map(({ from, to, conditions }) => ({
    from,
    to,
    conditions: conditions.map(({ code, detail }) => ({ code, detail })),
  })),
})

const notAllowed = (from: Status, to: Status): string =>
  `${from === to ? `The prompt is "${from}" already` : `A prompt does not go from "${from}" to "${to}"`}. From "${from}" it can go to: ${allowedFrom(from).join(', ')}.`

/** What stands in the way of a move; nothing: it is allowed. Staying where it is is no move. */
export function blockersOf(from: Status, to: Status, facts: Facts): Blocker[] {
  const transition = transitions.find((t) => t.from === from && t.to === to)
  if (!transition) return [{ code: 'transition_not_allowed', detail: notAllowed(from, to) }]
  return transition.conditions.flatMap(({ code, blocker }) => {
    const detail = blocker?.(facts)
    return detail === undefined ? [] : [{ code, detail }]
  })
}

export type Standing = Readonly<{ status: Status; deprecatedAt: string | null; sunsetAt: string | null; successorId: string | null }>
/** A move as it is asked for. Absent: as it is; null: none. */
export type Wanted = Readonly<{ status: Status; sunsetAt?: string | null | undefined; successorId?: string | null | undefined }>

/**
 * Where a prompt stands after a move. What is told of a deprecation can be changed while it lasts: that is a move from
 * deprecated to deprecated, and the only one to the present status.
 * @param at now
 * @throws MoveNotAllowed (409) naming the allowed ones; DeprecationInvalid (422)
 */
export function plan(id: string, now: Standing, wanted: Wanted, at: string): Standing {
  const { status: to } = wanted
  const announced = announcedBy(id, now, wanted, at)
  const isMove = transitions.some((t) => t.from === now.status && t.to === to)
  const isAmendment = to === 'deprecated' && now.status === to && !sameAnnouncement(now, announced)
  if (isMove || isAmendment) return { status: to, ...announced }
  throw new AppError(MoveNotAllowed, notAllowed(now.status, to), { members: { from: now.status, to, allowed: allowedFrom(now.status) } })
}

const sameAnnouncement = (a: Omit<Standing, 'status'>, b: Omit<Standing, 'status'>): boolean =>
  a.sunsetAt === b.sunsetAt && a.successorId === b.successorId

function announcedBy(id: string, now: Standing, wanted: Wanted, at: string): Omit<Standing, 'status'> {
  const { status: to, sunsetAt, successorId } = wanted
  if (to !== 'deprecated') {
    for (const [field, value] of Object.entries({ sunsetAt, successorId }))
      if (value !== undefined && value !== null)
        throw invalid(field, `"${field}" is said of a deprecated prompt, not of one that is ${to}. Leave it out.`)
    const { deprecatedAt, ...told } = now
    if (to === 'archived') return { deprecatedAt, sunsetAt: told.sunsetAt, successorId: told.successorId }
    return { deprecatedAt: null, sunsetAt: null, successorId: null }
  }
  const deprecatedAt = now.deprecatedAt ?? at
  if (successorId === id) throw invalid('successorId', 'A prompt cannot be its own successor. Name another one.')
  return {
    deprecatedAt,
    sunsetAt: sunsetAt === undefined ? now.sunsetAt : sunsetOf(sunsetAt, deprecatedAt),
    successorId: successorId === undefined ? now.successorId : successorId,
  }
}

/** A sunset is never before the deprecation (RFC 9745 §4). */
function sunsetOf(sunsetAt: string | null, deprecatedAt: string): string | null {
  if (sunsetAt === null) return null
  const ms = Date.parse(sunsetAt)
  if (Number.isNaN(ms)) throw invalid('sunsetAt', 'sunsetAt is no time that there is. Send RFC 3339, such as 2027-01-31T12:00:00Z.')
  if (ms < Date.parse(deprecatedAt))
    throw invalid('sunsetAt', `sunsetAt lies before the deprecation, which is of ${deprecatedAt}. Send a later time.`)
  return new Date(ms).toISOString()
}

export const invalid = (field: string, detail: string) =>
  unprocessable(DeprecationInvalid, `/${field}`, 'lifecycle.deprecation_invalid', detail)
