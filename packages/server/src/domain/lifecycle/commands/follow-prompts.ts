import type { EventHandler } from '../../../core/module.ts'
import { reviewEvents } from '../model/review-views.ts'
import type { ReviewEntry } from '../model/reviews.ts'
import { entriesOf, reviewStore } from '../store/reviews.ts'
import { showApprovals } from './reviews.ts'

/** Who approved the newest text has not approved the one that is newest now. The prompt's row is locked by whoever made it. */
export const dismissApprovals: EventHandler = async ({ subject: promptId, data }, tx, ctx) => {
  const store = reviewStore(tx)
  for (const review of await store.goingOn(promptId)) {
    const entries = await entriesOf(tx, review.id)
    const approvals = entries.filter(({ kind, stands }) => kind === 'approved' && stands)
    if (approvals.length === 0) continue
    await store.dismiss(
      review.id,
      approvals.map(({ n }) => n),
    )
    const by = { by: ctx.actor.id, at: ctx.now() }
    const body = `Version ${data.version} was made: ${approvals.length === 1 ? '1 approval is' : `${approvals.length} approvals are`} dismissed.`
    const entry: ReviewEntry = { n: entries.at(-1)!.n + 1, kind: 'dismissed', ...by, body, anchor: null, inReplyTo: null, stands: true }
    await store.addEntry(review.id, entry)
    const status = review.status === 'approved' ? 'open' : review.status
    await store.save({ ...review, status, updatedAt: by.at, revision: review.revision + 1 })
    await showApprovals(tx, review)
    const { version } = review
    await ctx.emit(tx, [reviewEvents.dismissed(review.id, { promptId, category: String(data.category), version })])
  }
}

/** The checksum of a text that was removed for good would let others guess it. */
export const forgetText: EventHandler = async ({ subject: promptId, data }, tx) =>
  reviewStore(tx).forgetText(promptId, Number(data.version))
