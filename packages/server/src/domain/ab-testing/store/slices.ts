import { sql } from 'kysely'
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
  const later = (name: string) => sql`(select unit_hash from ${sql.table(name)} where ${rest} order by unit_hash offset ${atOnce} limit 1)`
  const { rows } = await sql<{ to: Buffer | null; first: Buffer | null }>`
    select (select unit_hash from (${later('ab_outcome')} union all ${later('ab_exposure')}) t order by 1 limit 1) as to,
      (select unit_hash from ((select unit_hash from ab_outcome where ${rest} order by 1 limit 1) union all (select unit_hash from ab_exposure where ${rest} order by 1 limit 1)) t
        order by 1 limit 1) as first`.execute(db)
  const { to, first } = rows[0]!
  const stuck = to !== null && first !== null && to.equals(first) // a unit of more outcomes than that
  return { workspaceId, testId, from, to: stuck ? await unitAfter(db, own, first) : to }
}

async function unitAfter(db: Db, own: ReturnType<typeof sql>, unit: Buffer): Promise<Buffer | null> {
  const next = (name: string) =>
    sql`(select unit_hash from ${sql.table(name)} where ${own} and unit_hash > ${unit} order by unit_hash limit 1)`
  const { rows } = await sql<{ unit: Buffer | null }>`
    select (select unit_hash from (${next('ab_outcome')} union all ${next('ab_exposure')}) t order by 1 limit 1) as unit`.execute(db)
  return rows[0]!.unit
}

/** Which rows are of the units of a slice. */
export const isIn = ({ workspaceId, testId, from, to }: Slice) => sql<boolean>`workspace_id = ${workspaceId} and test_id = ${testId}
  ${from === null ? sql`` : sql`and unit_hash >= ${from}`} ${to === null ? sql`` : sql`and unit_hash < ${to}`}`
