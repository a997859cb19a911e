import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { noPlace } from './slices.ts'

/**
 * Take a person out of all tests: its exposures, outcomes and sums go on under a number that stands for nobody, another one in
 * each test, so that what is counted stays the same, now and after a recount. What callers told besides is removed.
 * @param db across workspaces; counting waits meanwhile, so that it brings nothing back
 * @param hash of the unit, hex
 * @param nonce random, and forgotten: without it nobody finds the old number's new one
 * @returns in how many tests the unit was
 */
export async function forgetUnit(db: Db, workspaceId: string, hash: string, nonce: string): Promise<number> {
  // A recount goes by the hashes of units, and begins anew where one changes.
  await sql`update ab_fold set ${noPlace}`.execute(db)
  const found = new Set<string>()
  for (const table of ['ab_exposure', 'ab_outcome', 'ab_unit']) {
    const { rows } = await sql<{ testId: string }>`
      update ${sql.table(table)} set unit_hash = substring(sha256(convert_to(test_id::text || ${nonce}, 'UTF8')) for 8)
        ${table === 'ab_outcome' ? sql`, metadata = null` : sql``}
      where workspace_id = ${workspaceId} and test_id = any(array(select id from ab_test where workspace_id = ${workspaceId}))
        and unit_hash = decode(${hash}, 'hex') returning test_id`.execute(db)
    for (const { testId } of rows) found.add(testId)
  }
  return found.size
}
