import { type Static, type TSchema, Type } from 'typebox'
import { eventType } from '../../../core/events.ts'
import { Id, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'
import { Anchor, entryKinds, type ReviewEntry, type ReviewState, ReviewStatus } from './reviews.ts'

const Version = Type.Integer({ minimum: 1 })

/** A review in a list. */
export const Review = Strict(
  {
    id: Id,
    promptId: Id,
    category: Type.String(),
    name: Type.String(),
    version: Version,
    baseVersion: Nullable(Version, { description: 'What the version is compared with; null for a first version' }),
    author: Type.String({ description: 'Who made the version, and cannot approve it' }),
    title: Type.String(),
    description: Type.String(),
    status: ReviewStatus,
    publish: Strict(
      { labels: Type.Array(Type.String()), status: Nullable(Type.Enum(['published'])) },
      { description: 'What publishing does, or has done' },
    ),
    publishAt: Nullable(Timestamp, { description: 'When it is published by itself' }),
    publishBy: Nullable(Type.String(), { description: 'Who planned that, and with whose rights it is done' }),
    requestedBy: Type.String(),
    requestedAt: Timestamp,
    updatedAt: Timestamp,
    revision: Type.Integer({ minimum: 1, description: 'Counts its changes and entries' }),
  },
  { $id: 'Review' },
)
export type Review = Static<typeof Review>

const said = { n: Type.Integer({ minimum: 1, description: 'Its number in the review' }), by: Type.String(), at: Timestamp }
export const ReviewComment = Strict(
  {
    ...said,
    body: Type.String(),
    anchor: Nullable(Anchor),
    inReplyTo: Nullable(Type.Integer(), { description: 'The number of a comment' }),
  },
  { $id: 'ReviewComment' },
)
export type ReviewComment = Static<typeof ReviewComment>
const isDecision = (kind: ReviewEntry['kind']): boolean => kind === 'approved' || kind === 'changes_requested' || kind === 'rejected'
const Decision = Strict({
  ...said,
  kind: Type.Enum(['approved', 'changes_requested', 'rejected']),
  comment: Nullable(Type.String()),
  stands: Type.Boolean({ description: 'false: dismissed by a new version, or its giver has decided anew' }),
})
const Happening = Strict({
  ...said,
  kind: Type.Enum(entryKinds.filter((kind) => kind !== 'comment' && !isDecision(kind))),
  detail: Nullable(Type.String(), { description: 'Why, or for when' }),
})
export const Lack = Strict({
  code: Type.String({ description: 'approvals, changes_requested, check, freeze, compatibility, prompt_deleted, version_redacted' }),
  detail: Type.String(),
  scope: Type.Optional(Type.String({ description: 'Of the policy that says so' })),
  label: Type.Optional(Type.String()),
})
export type Lack = Static<typeof Lack>

/** A review with all that was said and done in it. */
export const reviewDetail = <D extends TSchema>(diff: D) =>
  Strict(
    {
      ...Review.properties,
      comments: Type.Array(ReviewComment),
      decisions: Type.Array(Decision),
      history: Type.Array(Happening),
      lacks: Type.Array(Lack, { description: 'What stands in the way of publishing it now; nothing: it can be published' }),
      diff: Nullable(diff, { description: 'From the base to the version; null without a base, and when a text of the two is gone' }),
    },
    { $id: 'ReviewDetail' },
  )

/** @param prompt what the prompt is called now */
export function reviewView(review: ReviewState, { category, name }: { category: string; name: string }): Review {
  const { checksum: _checksum, publish, ...shown } = review
  return { ...shown, category, name, publish: { labels: [...(publish.labels ?? [])], status: publish.status ?? null } }
}

export const commentView = ({ n, by, at, body, anchor, inReplyTo }: ReviewEntry): ReviewComment => ({
  n,
  by,
  at,
  body: body ?? '',
  anchor,
  inReplyTo,
})

/** What was said and done, each in its list, in order. */
export function entriesView(entries: readonly ReviewEntry[]) {
  const decisions = entries.filter(({ kind }) => isDecision(kind))
  return {
    comments: entries.filter(({ kind }) => kind === 'comment').map(commentView),
    decisions: decisions.map(({ n, by, at, kind, body, stands }) => ({
      n,
      by,
      at,
      kind: kind as Static<typeof Decision>['kind'],
      comment: body,
      stands,
    })),
    history: entries
      .filter(({ kind }) => kind !== 'comment' && !isDecision(kind))
      .map(({ n, by, at, kind, body }) => ({ n, by, at, kind: kind as Static<typeof Happening>['kind'], detail: body })),
  }
}

const facts = { promptId: Type.String(), category: Type.String(), version: Version }
const told = <T extends string>(type: T, description: string) => eventType(`review.${type}`, Strict(facts), { description })
export const reviewEvents = {
  requested: told('requested', 'Somebody asked for the review of a version'),
  commented: told('commented', 'A comment was made in a review'),
  approved: told('approved', 'Somebody approved a version'),
  changes_requested: told('changes_requested', 'Somebody wants a version changed'),
  rejected: told('rejected', 'Somebody rejected a version; the review is over'),
  dismissed: told('dismissed', 'Approvals were dismissed, since the prompt has a new version'),
  scheduled: told('scheduled', 'A version is planned to be published at a time'),
  published: told('published', 'A reviewed version was published; the review is over'),
  publish_failed: told('publish_failed', 'A version that was planned to be published could not be; the review says why'),
  closed: told('closed', 'A review was given up'),
}
