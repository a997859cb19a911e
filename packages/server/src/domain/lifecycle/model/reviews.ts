import { type Static, Type } from 'typebox'
import { Strict } from '../../../core/schemas.ts'

export const ReviewStatus = Type.Enum(['open', 'changes_requested', 'approved', 'rejected', 'published', 'closed'], {
  description: 'rejected, published and closed are the end',
})
export type ReviewStatus = Static<typeof ReviewStatus>

const Label = Type.String({ pattern: '^(?!latest$)[a-z][a-z0-9._-]{0,63}$', description: 'A label, but not latest' })
const Version = Type.Integer({ minimum: 1, maximum: 2147483647, description: 'The number of a version' })

/** What becomes of a version when its review is published. */
export const plan = {
  labels: Type.Optional(Type.Array(Label, { maxItems: 20, uniqueItems: true, description: 'Labels to stand on the version' })),
  status: Type.Optional(Type.Enum(['published'], { description: 'Publish the prompt too, by way of review where it is a draft' })),
}
export type Plan = Readonly<{ labels?: readonly string[] | undefined; status?: 'published' | undefined }>
export const at = Type.String({ format: 'date-time', maxLength: 40, description: 'When to publish it, RFC 3339; within a minute after' })

export const RequestReview = Strict(
  {
    version: Type.Optional({ ...Version, description: 'What is reviewed; the newest without it' }),
    baseVersion: Type.Optional({
      ...Version,
      description: 'What it is compared with; the one under production without it, or the one before',
    }),
    title: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'What it is about' })),
    description: Type.Optional(Type.String({ maxLength: 10_000, description: 'What reviewers should know' })),
    publish: Type.Optional(
      Strict(
        { ...plan, at: Type.Optional(at) },
        { description: 'What publishing does; with `at` it happens by itself, if approved by then' },
      ),
    ),
  },
  { $id: 'RequestReview' },
)
export type RequestReview = Static<typeof RequestReview>

/** Whether an end has been reached. */
export const isOver = (status: ReviewStatus): boolean => status === 'rejected' || status === 'published' || status === 'closed'

/** A review as it is stored. Times are RFC 3339. */
export type ReviewState = Readonly<{
  id: string
  promptId: string
  version: number
  baseVersion: number | null
  /** Of the version; null once its text was removed for good. */
  checksum: string | null
  /** Who made the version. */
  author: string
  title: string
  description: string
  status: ReviewStatus
  publish: Plan
  publishAt: string | null
  publishBy: string | null
  requestedBy: string
  requestedAt: string
  updatedAt: string
  revision: number
}>

export const entryKinds = [
  'comment',
  'approved',
  'changes_requested',
  'rejected',
  'dismissed',
  'scheduled',
  'published',
  'publish_failed',
  'closed',
] as const
export type EntryKind = (typeof entryKinds)[number]

export const Anchor = Strict(
  {
    line: Type.Integer({ minimum: 1, maximum: 10_000_000, description: 'The line of the text, from 1' }),
    side: Type.Enum(['base', 'version'], { description: 'Which of the two texts' }),
  },
  { description: 'The line that it is about' },
)
export type Anchor = Static<typeof Anchor>

/** What was said or done in a review. */
export type ReviewEntry = Readonly<{
  n: number
  kind: EntryKind
  by: string
  at: string
  body: string | null
  anchor: Anchor | null
  inReplyTo: number | null
  /** Of a decision: it counts. It does no longer when it is dismissed, or when its giver has decided anew. */
  stands: boolean
}>
