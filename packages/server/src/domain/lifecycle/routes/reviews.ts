import { hash } from 'node:crypto'
import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Id, PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { BreakGlass, PolicyBlocked, PromptNotFound, VersionDiff, VersionNotFound, VersionRedacted } from '../../prompts/index.ts'
import { type Publishing, publishReview } from '../commands/publish-review.ts'
import { closeReview, comment, decideReview, requestReview } from '../commands/reviews.ts'
import {
  ReviewFull,
  ReviewInvalid,
  ReviewNeedsAnother,
  ReviewNotApproved,
  ReviewNotFound,
  ReviewOver,
  ReviewSubjectGone,
} from '../model/review-failures.ts'
import { Review, ReviewComment, reviewDetail } from '../model/review-views.ts'
import { Anchor, at, plan, RequestReview, ReviewStatus } from '../model/reviews.ts'
import { MoveBlocked, MoveNotAllowed } from '../model/transitions.ts'
import type { Policies } from '../policies.ts'
import { getReview, listReviews } from '../queries/reviews.ts'

const ReviewId = Strict({ id: Id })
const remark = Type.Optional(Type.String({ maxLength: 5_000, description: 'Why' }))
const decisionErrors = [ReviewNotFound, ReviewOver, ReviewSubjectGone, ReviewFull]

const reading = (policies: Policies): AnyEndpoint[] => [
  endpoint({
    name: 'reviews.list',
    method: 'GET',
    path: '/reviews',
    access: 'lifecycle:read',
    summary: 'List reviews, newest first',
    query: Strict({
      status: Type.Optional(ReviewStatus),
      promptId: Type.Optional(Id),
      mine: Type.Optional(Type.Boolean({ description: 'Those that you asked for, or whose version you made' })),
      ...PageQuery,
    }),
    reply: PageOf(Review),
    handle: ({ query }, ctx) => listReviews(query, ctx),
  }),
  endpoint({
    name: 'reviews.get',
    method: 'GET',
    path: '/reviews/:id',
    access: 'lifecycle:read',
    summary: 'Get a review with its diff, comments and decisions, and with what it still lacks',
    params: ReviewId,
    reply: reviewDetail(VersionDiff),
    errors: [ReviewNotFound],
    etag: ({ revision, category, name, lacks, diff }) =>
      `${revision}-${hash('sha256', JSON.stringify([category, name, lacks, diff === null]), 'base64url').slice(0, 16)}`,
    handle: ({ params }, ctx) => getReview(policies)(params, ctx),
  }),
]

const taking = (policies: Policies): AnyEndpoint[] => [
  endpoint({
    name: 'reviews.request',
    method: 'POST',
    path: '/prompts/:id/reviews',
    access: 'lifecycle:write',
    summary: 'Ask for the review of a version, which is frozen against its base',
    params: ReviewId,
    body: RequestReview,
    status: 201,
    reply: Review,
    errors: [PromptNotFound, VersionNotFound, VersionRedacted, ReviewInvalid, ReviewFull],
    location: ({ id }) => `/reviews/${id}`,
    handle: ({ params, body }, ctx) => requestReview(policies)({ promptId: params.id, ...body }, ctx),
  }),
  endpoint({
    name: 'reviews.comment',
    method: 'POST',
    path: '/reviews/:id/comment',
    access: 'lifecycle:write',
    summary: 'Comment a review, at a line of the text or as a whole; up to 200 comments',
    params: ReviewId,
    body: Strict({
      body: Type.String({ minLength: 1, maxLength: 5_000, description: 'What is to be said' }),
      anchor: Type.Optional(Anchor),
      inReplyTo: Type.Optional(Type.Integer({ minimum: 1, description: 'The number of the comment that it answers' })),
    }),
    status: 201,
    reply: ReviewComment,
    errors: [ReviewNotFound, ReviewInvalid, ReviewFull],
    handle: ({ params, body }, ctx) => comment({ ...params, ...body }, ctx),
  }),
  endpoint({
    name: 'reviews.approve',
    method: 'POST',
    path: '/reviews/:id/approve',
    access: 'reviews:approve',
    summary: 'Approve the version; who made it cannot, and two keys of one person count once',
    params: ReviewId,
    body: Strict({ comment: remark }),
    reply: Review,
    errors: [...decisionErrors, ReviewNeedsAnother, VersionRedacted],
    handle: ({ params, body }, ctx) => decideReview(policies)({ ...params, ...body, kind: 'approved' }, ctx),
  }),
  endpoint({
    name: 'reviews.requestChanges',
    method: 'POST',
    path: '/reviews/:id/request-changes',
    access: 'reviews:approve',
    summary: 'Ask for changes: the version is not published until you approve it',
    params: ReviewId,
    body: Strict({ comment: remark }),
    reply: Review,
    errors: decisionErrors,
    handle: ({ params, body }, ctx) => decideReview(policies)({ ...params, ...body, kind: 'changes_requested' }, ctx),
  }),
  endpoint({
    name: 'reviews.reject',
    method: 'POST',
    path: '/reviews/:id/reject',
    access: 'reviews:approve',
    summary: 'Reject the version; the review is over then',
    params: ReviewId,
    body: Strict({ comment: remark }),
    reply: Review,
    errors: decisionErrors,
    handle: ({ params, body }, ctx) => decideReview(policies)({ ...params, ...body, kind: 'rejected' }, ctx),
  }),
]

const ending = (publishing: Publishing): AnyEndpoint[] => [
  endpoint({
    name: 'reviews.publish',
    method: 'POST',
    path: '/reviews/:id/publish',
    access: 'lifecycle:write',
    summary: 'Let the approved version be served as planned, now or at a time; your own rights and all policies hold',
    params: ReviewId,
    body: Strict({ ...plan, at: Type.Optional(at), breakGlass: Type.Optional(BreakGlass) }),
    reply: Review,
    errors: [...decisionErrors, ReviewNotApproved, ReviewInvalid, PolicyBlocked, MoveNotAllowed, MoveBlocked, VersionRedacted],
    handle: ({ params, body }, ctx) => publishReview(publishing)({ ...params, ...body }, ctx),
  }),
  endpoint({
    name: 'reviews.close',
    method: 'POST',
    path: '/reviews/:id/close',
    access: 'lifecycle:write',
    summary: 'Give a review up; its approvals count no longer',
    params: ReviewId,
    body: Strict({ comment: remark }),
    reply: Review,
    errors: [ReviewNotFound, ReviewOver],
    handle: ({ params, body }, ctx) => closeReview({ ...params, ...body }, ctx),
  }),
]

export const reviewRoutes = (publishing: Publishing): AnyEndpoint[] => [
  ...reading(publishing.policies),
  ...taking(publishing.policies),
  ...ending(publishing),
]
