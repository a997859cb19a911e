import { type RawBuilder, sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError, isAppError } from '../../../core/errors.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { allPrompts, changeByPlan, diffOf, PromptNotFound, VersionNotFound, VersionRedacted } from '../../prompts/index.ts'
import { ReviewNotFound } from '../model/review-failures.ts'
import { approvalsLacking, changesWanted } from '../model/review-rules.ts'
import { entriesView, type Lack, type Review, reviewView } from '../model/review-views.ts'
import { isOver, type ReviewEntry, type ReviewState, type ReviewStatus } from '../model/reviews.ts'
import type { Policies } from '../policies.ts'
import { entriesOf } from '../store/reviews.ts'
import '../tables.ts'

type Row = ReviewState & Readonly<{ category: string; name: string; deleted: boolean }>

/** Reviews with what their prompts are called now; those of prompts that the reader may not see are not there. */
const reviewsIn = async (db: Db, rest: RawBuilder<unknown>): Promise<Row[]> =>
  (
    await sql<Row>`
    select r.id, r.prompt_id, r.version, r.base_version, r.checksum, r.author, r.title, r.description, r.status, r.publish, r.publish_at,
      r.publish_by, r.requested_by, r.requested_at, r.updated_at, r.revision, p.category, p.name, p.deleted
    from review r join ${allPrompts} p on p.id = r.prompt_id ${rest}`.execute(db)
  ).rows

const viewOf = ({ deleted: _deleted, category, name, ...review }: Row): Review => reviewView(review, { category, name })

export type ListReviews = Paged & Readonly<{ status?: ReviewStatus | undefined; promptId?: string | undefined; mine?: boolean | undefined }>

/** Reviews, newest first. @param input.mine those that the caller asked for, or whose version it made */
export async function listReviews({ status, promptId, mine = false, ...paged }: ListReviews, ctx: Ctx): Promise<Page<Review>> {
  const { after, take, page } = stepOf(`reviews ${JSON.stringify([status, promptId, mine])}`, paged, ctx)
  const me = ctx.actor.id
  const chosen = sql`where (${status ?? null}::text is null or r.status = ${status ?? null})
    and (${promptId ?? null}::uuid is null or r.prompt_id = ${promptId ?? null}::uuid)
    and (not ${mine} or r.requested_by = ${me} or r.author = ${me})`
  const before = after ? String(after[0]) : null
  return ctx.read(async (db) => {
    const rows = await reviewsIn(
      db,
      sql`${chosen} and (${before}::uuid is null or r.id < ${before}::uuid) order by r.id desc limit ${take}`,
    )
    return page(
      rows.map(viewOf),
      (last) => [last.id],
      () => countReviews(db, chosen),
    )
  })
}

const countReviews = async (db: Db, chosen: RawBuilder<unknown>): Promise<number> =>
  (
    await sql<{ count: number }>`
    select count(*)::int as count from review r join ${allPrompts} p on p.id = r.prompt_id ${chosen}`.execute(db)
  ).rows[0]!.count

async function find(db: Db, id: string): Promise<Row> {
  const [row] = await reviewsIn(db, sql`where r.id = ${id}`)
  if (!row) throw new AppError(ReviewNotFound, `There is no review ${id}.`)
  return row
}

/** A review with all that was said and done, what it lacks, and what the version changes. @throws ReviewNotFound */
export const getReview =
  (policies: Policies) =>
  async ({ id }: { id: string }, ctx: Ctx) => {
    const row = await ctx.read((db) => find(db, id)) // is it the caller's to see?
    const { entries, lacks } = await ctx.readAll(async (db) => {
      const entries = await entriesOf(db, id)
      return { entries, lacks: isOver(row.status) ? [] : await lacksOf(db, ctx, policies, row, entries) }
    })
    return { ...viewOf(row), ...entriesView(entries), lacks, diff: await diffIn(row, ctx) }
  }

/** What stands in the way of publishing a review that goes on. */
async function lacksOf(db: Db, ctx: Ctx, policies: Policies, row: Row, entries: readonly ReviewEntry[]): Promise<Lack[]> {
  const { promptId, version, publish, category } = row
  if (row.deleted) return [{ code: 'prompt_deleted', detail: 'The prompt was deleted. Restore it to go on, or close the review.' }]
  if (row.checksum === null)
    return [{ code: 'version_redacted', detail: `The text of version ${version} was removed for good. Close the review.` }]
  const given = await policies.approvalsOf(db, ctx, [promptId])
  const approvals = approvalsLacking(row, category, await policies.inForce(db, ctx), given)
  const [blockers = []] = await policies.gate(db, ctx, [await changeByPlan(db, promptId, { version, ...publish })])
  const others = blockers.filter(({ code }) => code !== 'approvals').map(({ differences: _told, ...lack }) => lack)
  return [...changesWanted(entries), ...approvals, ...others]
}

/** From the base to the version; null where there is nothing to compare any more. */
async function diffIn({ promptId, version, baseVersion, deleted }: Row, ctx: Ctx) {
  if (baseVersion === null || deleted) return null
  try {
    return await diffOf({ id: promptId, a: baseVersion, b: version }, ctx)
  } catch (error) {
    if ([VersionRedacted, PromptNotFound, VersionNotFound].some((kind) => isAppError(error, kind))) return null
    throw error
  }
}
