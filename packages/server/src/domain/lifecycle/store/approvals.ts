import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import '../tables.ts'

/** An approval as it was given: who gave it, and whose version it was given to, as ids of principals. */
export type GivenApproval = Readonly<{
  promptId: string
  reviewId: string
  version: number
  checksum: string
  by: string
  author: string
  at: string
}>

/** Approvals of prompts that stand: in reviews that go on or were published, of texts that are still there. */
export const standingApprovals = (db: Db, promptIds: readonly string[]): Promise<GivenApproval[]> =>
  db
    .selectFrom('review as r')
    .innerJoin('reviewEntry as e', 'e.reviewId', 'r.id')
    .select(['r.promptId', 'r.id as reviewId', 'r.version', 'r.author', 'e.by', 'e.at'])
    .select((s) => s.ref('r.checksum').$notNull().as('checksum'))
    .where('r.promptId', '=', sql<string>`any(${[...promptIds]}::uuid[])`)
    .where('r.status', 'in', ['open', 'changes_requested', 'approved', 'published'])
    .where('r.checksum', 'is not', null)
    .where('e.kind', '=', 'approved')
    .where('e.stands', '=', true)
    .orderBy('e.at')
    .execute()
