import type { Principal } from '../../../core/access.ts'
import { AppError } from '../../../core/errors.ts'
import { unprocessable } from '../../../core/problem.ts'
import { type Approval, approvalsAsked, type Place, peopleFor } from './judging.ts'
import { holdsAt, holdsIn, type Policy } from './policies.ts'
import { ReviewFull, ReviewInvalid, ReviewOver } from './review-failures.ts'
import type { Lack } from './review-views.ts'
import { isOver, type Plan, type ReviewEntry, type ReviewState, type ReviewStatus } from './reviews.ts'

/** How many reviews of one prompt can go on at once, and how much can be said and done in one. */
export const maxOpen = 20
const [maxComments, maxEntries] = [200, 500]

/** @throws ReviewOver (409) */
export function assertGoing({ status }: Pick<ReviewState, 'status'>): void {
  if (isOver(status)) throw new AppError(ReviewOver, `The review is over: it was ${status}. Ask for a new one.`, { members: { status } })
}

/** @throws ReviewFull (409) */
export function assertRoom(entries: readonly ReviewEntry[], kind: ReviewEntry['kind']): void {
  const comments = entries.filter((entry) => entry.kind === 'comment').length
  if (entries.length >= maxEntries || (kind === 'comment' && comments >= maxComments))
    throw new AppError(ReviewFull, `A review holds ${maxComments} comments and ${maxEntries} entries at most. Ask for a new one.`)
}

/** The version that one is compared with unless told: the one under production, or the one before; null for a first one. */
export function baseOf(version: number, labels: Readonly<Record<string, number>>): number | null {
  const served = Object.hasOwn(labels, 'production') ? labels.production! : version
  if (served !== version) return served
  return version > 1 ? version - 1 : null
}

/** A time to publish at, in UTC. @throws ReviewInvalid (422) unless it lies ahead */
export function publishTime(at: string, pointer: string, now: string): string {
  const ms = Date.parse(at)
  if (Number.isNaN(ms) || ms <= Date.parse(now) || ms >= Date.parse('9999-01-01T00:00:00Z'))
    throw unprocessable(ReviewInvalid, pointer, 'publish.not_ahead', 'It must be a time in the future, before the year 9999.')
  return new Date(ms).toISOString()
}

/** Whether publishing would do something. */
export const doesSomething = ({ labels = [], status }: Plan): boolean => labels.length > 0 || status !== undefined

/** Where a version comes to stand by a plan: at labels, and for the prompt as a whole where it is published, or nothing is planned. */
const placesOf = (category: string, { labels = [], status }: Plan): Place[] => [
  ...labels.map((label) => ({ category, label })),
  ...(labels.length === 0 || status ? [{ category }] : []),
]

type Given = Readonly<{ approvals: readonly Approval[]; present: ReadonlyMap<string, Principal> }>

/**
 * The approvals that a review lacks: one person's at least, and what policies ask for wherever the version comes to stand.
 * Counted are people other than the author who have approved in this very review, and may approve there now.
 */
export function approvalsLacking(
  { id, promptId, version, checksum, publish }: ReviewState,
  category: string,
  policies: readonly Policy[],
  { approvals, present }: Given,
): Lack[] {
  const own = approvals.filter(({ reviewId }) => reviewId === id)
  return placesOf(category, publish).flatMap((place) => {
    const { label } = place
    const asked = approvalsAsked(policies.filter((one) => (label ? holdsAt(one, category, label) : holdsIn(one, category))))
    const needed = asked?.needed ?? 1
    const given = checksum === null ? 0 : peopleFor(own, present, { promptId, checksum }, place).size
    if (given >= needed) return []
    const where = label ? ` for "${label}"` : ''
    const detail = `Version ${version} needs the approval of ${needed} other than its author${where}, and has that of ${given}.`
    return [{ code: 'approvals', detail, ...(asked && { scope: asked.scope }), ...(label && { label }) }]
  })
}

/** Who wants changes, as something that is lacking. */
export const changesWanted = (entries: readonly ReviewEntry[]): Lack[] =>
  entries
    .filter(({ kind, stands }) => kind === 'changes_requested' && stands)
    .map(({ by }) => ({ code: 'changes_requested', detail: `${by} wants changes, and has not approved since.` }))

/** The status of a review that goes on. */
export function statusOf(entries: readonly ReviewEntry[], lacking: readonly Lack[]): ReviewStatus {
  if (changesWanted(entries).length > 0) return 'changes_requested'
  return lacking.length === 0 ? 'approved' : 'open'
}
