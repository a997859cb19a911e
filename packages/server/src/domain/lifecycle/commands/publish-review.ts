import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { joined } from '../../../core/joined.ts'
import { unprocessable } from '../../../core/problem.ts'
import { findVersion } from '../../prompts/index.ts'
import { ReviewInvalid, ReviewNotApproved } from '../model/review-failures.ts'
import { approvalsLacking, assertGoing, assertRoom, changesWanted, doesSomething, publishTime } from '../model/review-rules.ts'
import { type Lack, type Review, reviewView } from '../model/review-views.ts'
import { isOver, type Plan, type ReviewState } from '../model/reviews.ts'
import type { Policies } from '../policies.ts'
import { breakTheGlass } from './break-glass.ts'
import { movePrompt } from './move-prompt.ts'
import { note, type Opened, openReview } from './reviews.ts'

type Glass = Readonly<{ reason: string }> | undefined
/** What publishing needs of prompts: its command that moves a label, through all gates. */
export type Publishing = Readonly<{
  policies: Policies
  setLabel(
    move: Readonly<{ id: string; label: string; version: number; reason?: string | undefined; breakGlass?: Glass }>,
    ctx: Ctx,
  ): Promise<unknown>
}>

export type PublishReview = Plan & Readonly<{ id: string; at?: string | undefined; breakGlass?: Glass }>

/**
 * Let the reviewed version be served as its review plans it, or as is said here; with `at` later, by itself. It goes the way
 * that whoever publishes could go by hand: their rights, the rules of the lifecycle and all policies hold.
 * @throws ReviewNotFound; ReviewOver, ReviewNotApproved, PolicyBlocked, MoveNotAllowed, MoveBlocked (409); ReviewInvalid (422)
 */
export const publishReview =
  (publishing: Publishing) =>
  ({ id, at, breakGlass, ...wanted }: PublishReview, ctx: Ctx): Promise<Review> =>
    ctx.transact(async (tx) => {
      const opened = await openReview(tx, ctx, id)
      const { review, subject, entries } = opened
      assertMay(ctx.actor, 'lifecycle:write', { category: subject.category })
      assertGoing(review)
      const said = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined))
      const publish: Plan = { ...review.publish, ...said }
      if (!doesSomething(publish))
        throw unprocessable(
          ReviewInvalid,
          '/labels',
          'publish.nothing',
          'Say what publishing does: labels to stand on the version, or a status.',
        )
      if (at === undefined)
        return reviewView(await publishNow(tx, ctx, publishing, { ...opened, review: { ...review, publish } }, breakGlass), subject)
      assertRoom(entries, 'scheduled')
      const plan = { publish, publishAt: publishTime(at, '/at', ctx.now()), publishBy: ctx.actor.id }
      return reviewView((await note(tx, ctx, opened, { kind: 'scheduled', body: plan.publishAt }, plan)).review, subject)
    })

async function publishNow(tx: Db, ctx: Ctx, { policies, setLabel }: Publishing, opened: Opened, breakGlass: Glass): Promise<ReviewState> {
  const { review, subject, entries } = opened
  const { promptId: id, version, publish, title } = review
  await findVersion(tx, id, version) // there is a text to serve
  const given = await policies.approvalsOf(tx, ctx, [id])
  const lacks = [...changesWanted(entries), ...approvalsLacking(review, subject.category, await policies.inForce(tx, ctx), given)]
  if (lacks.length > 0) await assertGlass(tx, ctx, opened, lacks, breakGlass)
  const inside = joined(ctx, tx)
  const how = { reason: `Review: ${title}`, breakGlass }
  if (publish.status && subject.status !== publish.status) {
    if (subject.status === 'draft') await movePrompt(policies)({ id, status: 'review', ...how }, inside)
    await movePrompt(policies)({ id, status: publish.status, ...how }, inside)
  }
  for (const label of publish.labels ?? []) await setLabel({ id, label, version, ...how }, inside)
  const done = { status: 'published', publish, publishAt: null } as const
  return (await note(tx, ctx, opened, { kind: 'published', body: breakGlass?.reason }, done)).review
}

/** @throws ReviewNotApproved (409) saying what is lacking; Forbidden (403) for who breaks the glass and may not */
async function assertGlass(tx: Db, ctx: Ctx, { review, subject }: Opened, lacks: readonly Lack[], breakGlass: Glass): Promise<void> {
  if (!breakGlass)
    throw new AppError(
      ReviewNotApproved,
      lacks
        .map(({ detail }) => detail)
        .join(' ')
        .slice(0, 2_000),
      { members: { lacks } },
    )
  await breakTheGlass(tx, ctx, {
    promptId: review.promptId,
    category: subject.category,
    labels: review.publish.labels ?? [],
    blockers: lacks.map(({ code, scope = 'review' }) => ({ code, scope })),
    reason: breakGlass.reason,
  })
}

/** Publish what was planned for now, as whoever planned it. Nothing, when it was changed since or is over. */
export const publishDue =
  (publishing: Publishing) =>
  ({ id }: { id: string }, ctx: Ctx): Promise<void> =>
    ctx.transact(async (tx) => {
      const opened = await openReview(tx, ctx, id)
      const { review, subject } = opened
      if (!isDue(review, ctx)) return
      assertMay(ctx.actor, 'lifecycle:write', { category: subject.category })
      if (!doesSomething(review.publish)) throw new AppError(ReviewInvalid, 'Nothing says what publishing does. Name labels or a status.')
      await publishNow(tx, ctx, publishing, opened, undefined)
    })

const isDue = ({ status, publishAt, publishBy }: ReviewState, { actor, now }: Ctx): boolean =>
  !isOver(status) && publishAt !== null && publishAt <= now() && publishBy === actor.id

/** Write down that what was planned could not be done, and plan it no longer. @param detail why */
export const notePublishFailure = ({ id, detail }: { id: string; detail: string }, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const opened = await openReview(tx, ctx, id, { deleted: true })
    if (!isDue(opened.review, ctx)) return
    await note(tx, ctx, opened, { kind: 'publish_failed', body: detail.slice(0, 2_000) }, { publishAt: null })
  })
