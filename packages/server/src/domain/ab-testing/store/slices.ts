import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'

/** Up to where units were gone through: `unit` is the first that was not; null: none is left of the test. */
export type Place = Readonly<{ workspaceId: string; testId: string; unit: Buffer | null }>

/** Units [from, to) of a test by their hashes, without bounds where these are null. */
export type Slice = Readonly<{ workspaceId: string; testId: string; from: Buffer | null; to: Buffer | null }>

const sources = ['ab_outcome', 'ab_exposure', 'ab_tally', 'ab_exposed']

/** The first test after a place of which anything is stored or counted. */
async function nextTest(db: Db, after: Place | undefined): Promise<{ workspaceId: string; testId: string } | undefined> {
  const beyond = after ? sql`where (workspace_id, test_id) > (${after.workspaceId}::uuid, ${after.testId}::uuid)` : sql``
  const firsts = sources.map((name) => sql`(select workspace_id, test_id from ${sql.table(name)} ${beyond} order by 1, 2 limit 1)`)
  const { rows } = await sql<{ workspaceId: string; testId: string }>`
    select workspace_id, test_id from (${sql.join(firsts, sql` union all `)}) t order by 1, 2 limit 1`.execute(db)
  return rows[0]
}

/** The unit behind so many outcomes, or so many exposures, whichever comes first. */
function unitBehind(where: RawBuilder<unknown>, rows: number): RawBuilder<Buffer | null> {
  const of = (name: string) => sql`(select unit_hash from ${sql.table(name)} where ${where} order by unit_hash offset ${rows} limit 1)`
  return sql`(select unit_hash from (${of('ab_outcome')} union all ${of('ab_exposure')}) t order by 1 limit 1)`
}

/**
 * The next units to go through.
 * @param after undefined: from the beginning
 * @param atOnce outcomes, and exposures, that a slice has at most, but for those of its last unit
 * @returns undefined at the end
 */
export async function nextSlice(db: Db, after: Place | undefined, atOnce: number): Promise<Slice | undefined> {
  const from = after?.unit ?? null
  const test = from === null ? await nextTest(db, after) : after!
  if (!test) return undefined
  const { workspaceId, testId } = test
  const own = sql`workspace_id = ${workspaceId} and test_id = ${testId}`
  const rest = from === null ? own : sql`${own} and unit_hash >= ${from}`
  const { rows } = await sql<{ to: Buffer | null; first: Buffer | null }>`
    select ${unitBehind(rest, atOnce)} as to, ${unitBehind(rest, 0)} as first`.execute(db)
  const { to, first } = rows[0]!
  const stuck = to !== null && first !== null && to.equals(first) // a unit of more outcomes than that
  if (!stuck) return { workspaceId, testId, from, to }
  const next = await sql<{ to: Buffer | null }>`select ${unitBehind(sql`${own} and unit_hash > ${first}`, 0)} as to`.execute(db)
  return { workspaceId, testId, from, to: next.rows[0]!.to }
}

/** Which rows are of the units of a slice. */
export const isIn = ({ workspaceId, testId, from, to }: Slice) => sql<boolean>`workspace_id = ${workspaceId} and test_id = ${testId}
  ${from === null ? sql`` : sql`and unit_hash >= ${from}`} ${to === null ? sql`` : sql`and unit_hash < ${to}`}`

/** No recount is under way, or the one that is begins anew: what is set in `ab_fold`. */
export const noPlace = sql`recount_to = null, recount_workspace = null, recount_test = null, recount_unit = null`
