import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { ReviewNotFound } from '../model/review-failures.ts'
import type { ReviewEntry, ReviewState } from '../model/reviews.ts'
import '../tables.ts'

const reviewColumns = [
  'id',
  'promptId',
  'version',
  'baseVersion',
  'checksum',
  'author',
  'title',
  'description',
  'status',
  'publish',
  'publishAt',
  'publishBy',
  'requestedBy',
  'requestedAt',
  'updatedAt',
  'revision',
] as const

/** What was said and done in a review, in order. */
export const entriesOf = (db: Db, reviewId: string): Promise<ReviewEntry[]> =>
  db
    .selectFrom('reviewEntry')
    .select(['n', 'kind', 'by', 'at', 'body', 'anchor', 'inReplyTo', 'stands'])
    .where('reviewId', '=', reviewId)
    .orderBy('n')
    .execute()

const going = ['open', 'changes_requested', 'approved'] as const

/** SQL of the write side. Whoever changes a review of a prompt has locked the prompt's row before. */
export const reviewStore = (tx: Db) => ({
  /** @throws ReviewNotFound */
  async get(id: string): Promise<ReviewState> {
    const found = await tx.selectFrom('review').select(reviewColumns).where('id', '=', id).executeTakeFirst()
    if (!found) throw new AppError(ReviewNotFound, `There is no review ${id}.`)
    return found
  },

  /** The reviews of a prompt that go on. */
  goingOn: (promptId: string): Promise<ReviewState[]> =>
    tx
      .selectFrom('review')
      .select(reviewColumns)
      .where('promptId', '=', promptId)
      .where('status', 'in', [...going])
      .orderBy('id')
      .execute(),

  async add(review: ReviewState): Promise<void> {
    await tx
      .insertInto('review')
      .values({ ...review, publish: JSON.stringify(review.publish) })
      .execute()
  },

  async save({ id, status, publish, publishAt, publishBy, updatedAt, revision }: ReviewState): Promise<void> {
    await tx
      .updateTable('review')
      .set({ status, publish: JSON.stringify(publish), publishAt, publishBy, updatedAt, revision })
      .where('id', '=', id)
      .execute()
  },

  async addEntry(reviewId: string, { anchor, ...entry }: ReviewEntry): Promise<void> {
    await tx
      .insertInto('reviewEntry')
      .values({ ...entry, reviewId, anchor: anchor && JSON.stringify(anchor) })
      .execute()
  },

  /** Decisions that count no longer. */
  async dismiss(reviewId: string, numbers: readonly number[]): Promise<void> {
    if (numbers.length === 0) return
    await tx.updateTable('reviewEntry').set({ stands: false }).where('reviewId', '=', reviewId).where('n', 'in', numbers).execute()
  },

  /** What says which text was reviewed goes with the text. */
  async forgetText(promptId: string, version: number): Promise<void> {
    await tx.updateTable('review').set({ checksum: null }).where('promptId', '=', promptId).where('version', '=', version).execute()
  },
})
