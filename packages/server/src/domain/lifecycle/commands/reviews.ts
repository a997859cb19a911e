import { assertMay, sees } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { joined } from '../../../core/joined.ts'
import { unprocessable } from '../../../core/problem.ts'
import { peopleBehind } from '../../access/index.ts'
import { findVersion, lockSubject, noteApprovals, PromptNotFound, type Subject } from '../../prompts/index.ts'
import { ReviewFull, ReviewInvalid, ReviewNeedsAnother, ReviewNotFound, ReviewSubjectGone } from '../model/review-failures.ts'
import { approvalsLacking, assertGoing, assertRoom, baseOf, maxOpen, publishTime, statusOf } from '../model/review-rules.ts'
import { commentView, type Review, type ReviewComment, reviewEvents, reviewView } from '../model/review-views.ts'
import type { Anchor, EntryKind, RequestReview, ReviewEntry, ReviewState } from '../model/reviews.ts'
import type { Policies } from '../policies.ts'
import { standingApprovals } from '../store/approvals.ts'
import { entriesOf, reviewStore } from '../store/reviews.ts'
import { movePrompt } from './move-prompt.ts'

/** A review with its prompt, whose row is locked: all who change either of them queue there. */
export type Opened = Readonly<{ review: ReviewState; subject: Subject; entries: readonly ReviewEntry[] }>

/** @throws ReviewNotFound, also when its prompt is hidden from the caller; ReviewSubjectGone (409) when that was deleted */
export async function openReview(tx: Db, ctx: Ctx, id: string, { deleted = false } = {}): Promise<Opened> {
  const { promptId } = await reviewStore(tx).get(id)
  const subject = await lockSubject(tx, promptId)
  if (!sees(ctx.actor, subject.category)) throw new AppError(ReviewNotFound, `There is no review ${id}.`)
  if (subject.deletedAt !== null && !deleted)
    throw new AppError(ReviewSubjectGone, 'The prompt was deleted. Restore it to go on, or close the review.')
  const review = await reviewStore(tx).get(id) // read again: what was committed while we waited counts
  return { review, subject, entries: await entriesOf(tx, id) }
}

type Said = Readonly<{ kind: EntryKind; body?: string | null | undefined; anchor?: Anchor | undefined; inReplyTo?: number | undefined }>

/** Write down what was said or done, with what it makes of the review, and tell it. */
export async function note(
  tx: Db,
  ctx: Ctx,
  { review, subject, entries }: Opened,
  { kind, body = null, anchor, inReplyTo }: Said,
  change: Partial<ReviewState> = {},
): Promise<{ review: ReviewState; entry: ReviewEntry }> {
  const n = (entries.at(-1)?.n ?? 0) + 1
  const by = { by: ctx.actor.id, at: ctx.now() }
  const entry: ReviewEntry = { n, kind, ...by, body, anchor: anchor ?? null, inReplyTo: inReplyTo ?? null, stands: true }
  const next: ReviewState = { ...review, ...change, updatedAt: by.at, revision: review.revision + 1 }
  await reviewStore(tx).addEntry(review.id, entry)
  await reviewStore(tx).save(next)
  const tell = reviewEvents[kind === 'comment' ? 'commented' : kind]
  const { promptId, version } = review
  await ctx.emit(tx, between(review, next, [tell(review.id, { promptId, category: subject.category, version })]))
  return { review: next, entry }
}

/**
 * Ask for the review of a version, which is frozen with its base. A draft that is to be published goes into review.
 * @throws PromptNotFound, VersionNotFound; VersionRedacted (410); ReviewInvalid (422); ReviewFull (409)
 */
export const requestReview =
  (policies: Policies) =>
  ({ promptId, ...input }: RequestReview & { promptId: string }, ctx: Ctx): Promise<Review> =>
    ctx.transact(async (tx) => {
      const subject = await lockSubject(tx, promptId)
      if (subject.deletedAt !== null || !sees(ctx.actor, subject.category))
        throw new AppError(PromptNotFound, `There is no prompt ${promptId}.`)
      assertMay(ctx.actor, 'lifecycle:write', { category: subject.category })
      if ((await reviewStore(tx).goingOn(promptId)).length >= maxOpen)
        throw new AppError(ReviewFull, `${maxOpen} reviews of this prompt go on already. Publish or close one.`)
      const review = await made(tx, ctx, subject, input)
      await reviewStore(tx).add(review)
      const { version, publish } = review
      await ctx.emit(tx, between(null, review, [reviewEvents.requested(review.id, { promptId, category: subject.category, version })]))
      if (publish.status === 'published' && subject.status === 'draft')
        await movePrompt(policies)({ id: promptId, status: 'review', reason: `Review: ${review.title}` }, joined(ctx, tx))
      return reviewView(review, subject)
    })

async function made(tx: Db, ctx: Ctx, { id: promptId, category, name, ...prompt }: Subject, input: RequestReview): Promise<ReviewState> {
  const { version = prompt.version, title = `Version ${version} of ${category}/${name}`.slice(0, 200), description = '' } = input
  const { at, ...plan } = input.publish ?? {}
  const { checksum, createdBy: author } = await findVersion(tx, promptId, version)
  if (input.baseVersion === version)
    throw unprocessable(
      ReviewInvalid,
      '/baseVersion',
      'review.same_version',
      'A version is compared with another one. Name one, or leave it out.',
    )
  if (input.baseVersion !== undefined) await findVersion(tx, promptId, input.baseVersion)
  const now = ctx.now()
  return {
    id: ctx.newId(),
    promptId,
    version,
    baseVersion: input.baseVersion ?? baseOf(version, prompt.labels),
    checksum,
    author,
    title,
    description,
    status: 'open',
    publish: plan,
    publishAt: at === undefined ? null : publishTime(at, '/publish/at', now),
    publishBy: at === undefined ? null : ctx.actor.id,
    requestedBy: ctx.actor.id,
    requestedAt: now,
    updatedAt: now,
    revision: 1,
  }
}

export type Comment = Readonly<{ id: string; body: string; anchor?: Anchor | undefined; inReplyTo?: number | undefined }>

/** Say something in a review. @throws ReviewNotFound; ReviewInvalid (422) for an answer to no comment; ReviewFull (409) */
export const comment = ({ id, ...said }: Comment, ctx: Ctx): Promise<ReviewComment> =>
  ctx.transact(async (tx) => {
    const opened = await openReview(tx, ctx, id, { deleted: true })
    assertMay(ctx.actor, 'lifecycle:write', { category: opened.subject.category })
    assertRoom(opened.entries, 'comment')
    if (said.inReplyTo !== undefined && !opened.entries.some(({ n, kind }) => n === said.inReplyTo && kind === 'comment'))
      throw unprocessable(ReviewInvalid, '/inReplyTo', 'comment.not_found', `Number ${said.inReplyTo} is no comment of this review.`)
    return commentView((await note(tx, ctx, opened, { kind: 'comment', ...said })).entry)
  })

export type Decide = Readonly<{ id: string; kind: 'approved' | 'changes_requested' | 'rejected'; comment?: string | undefined }>

/**
 * Approve a version, ask for changes, or reject it. What the same person decided before counts no longer.
 * @throws ReviewNotFound; ReviewOver, ReviewNeedsAnother (409) for its author; VersionRedacted (410) when there is nothing to approve
 */
export const decideReview =
  (policies: Policies) =>
  ({ id, kind, comment: body }: Decide, ctx: Ctx): Promise<Review> =>
    ctx.transact(async (tx) => {
      const opened = await openReview(tx, ctx, id)
      const { review, subject, entries } = opened
      assertMay(ctx.actor, 'reviews:approve', { category: subject.category })
      assertGoing(review)
      assertRoom(entries, kind)
      const standing = entries.filter((entry) => entry.stands && (entry.kind === 'approved' || entry.kind === 'changes_requested'))
      const people = await peopleBehind(tx, [ctx.actor.id, review.author, ...standing.map(({ by }) => by)])
      const me = people.get(ctx.actor.id)
      if (kind === 'approved') {
        await findVersion(tx, review.promptId, review.version) // there is a text to approve
        if (me === people.get(review.author))
          throw new AppError(
            ReviewNeedsAnother,
            `You made version ${review.version} yourself, by this key or another one. Somebody else must approve it.`,
          )
      }
      const earlier = standing.filter(({ by }) => people.get(by) === me).map(({ n }) => n)
      await reviewStore(tx).dismiss(id, earlier)
      const { review: next } = await note(tx, ctx, opened, { kind, body }, kind === 'rejected' ? { status: kind, publishAt: null } : {})
      const settled = kind === 'rejected' ? next : await settle(tx, ctx, policies, { ...opened, review: next })
      await showApprovals(tx, review)
      return reviewView(settled, subject)
    })

/** Bring the status of a review that goes on into line with what was decided. */
async function settle(tx: Db, ctx: Ctx, policies: Policies, { review, subject }: Opened): Promise<ReviewState> {
  const given = await policies.approvalsOf(tx, ctx, [review.promptId])
  const lacking = approvalsLacking(review, subject.category, await policies.inForce(tx, ctx), given)
  const next = { ...review, status: statusOf(await entriesOf(tx, review.id), lacking) }
  if (next.status !== review.status) await reviewStore(tx).save(next)
  return next
}

/** Show on the version who has approved it. */
export async function showApprovals(tx: Db, { promptId, version }: Pick<ReviewState, 'promptId' | 'version'>): Promise<void> {
  const standing = (await standingApprovals(tx, [promptId])).filter((one) => one.version === version)
  await noteApprovals(
    tx,
    promptId,
    version,
    standing.map(({ reviewId, by, at }) => ({ reviewId, by, at })),
  )
}

/** Give a review up. @throws ReviewNotFound; ReviewOver (409) */
export const closeReview = ({ id, comment: body }: { id: string; comment?: string | undefined }, ctx: Ctx): Promise<Review> =>
  ctx.transact(async (tx) => {
    const opened = await openReview(tx, ctx, id, { deleted: true })
    assertMay(ctx.actor, 'lifecycle:write', { category: opened.subject.category })
    assertGoing(opened.review)
    const { review } = await note(tx, ctx, opened, { kind: 'closed', body }, { status: 'closed', publishAt: null })
    await showApprovals(tx, review)
    return reviewView(review, opened.subject)
  })
