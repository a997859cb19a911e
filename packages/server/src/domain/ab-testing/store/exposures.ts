import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import '../tables.ts'

/** That a unit was served a variant. `unitHash` is hex; `checksum` is of the version that was really served. */
export type Exposure = Readonly<{
  workspaceId: string
  testId: string
  phase: number
  unitHash: string
  variant: string
  checksum: string
  at: string
}>

/** Keep exposures, the first of each unit and phase alone. Across workspaces. In the order of their key, so that instances do not wait for each other in a circle. */
export async function addExposures(db: Db, exposures: readonly Exposure[]): Promise<void> {
  const of = <T>(pick: (one: Exposure) => T) => exposures.map(pick)
  await sql`
    insert into ab_exposure (workspace_id, test_id, unit_hash, phase, variant, checksum, first_at)
    select w, t, decode(u, 'hex'), p, v, c, a from unnest(
      ${of(({ workspaceId }) => workspaceId)}::uuid[], ${of(({ testId }) => testId)}::uuid[], ${of(({ unitHash }) => unitHash)}::text[],
      ${of(({ phase }) => phase)}::int[], ${of(({ variant }) => variant)}::text[], ${of(({ checksum }) => checksum)}::text[],
      ${of(({ at }) => at)}::timestamptz[]) as e (w, t, u, p, v, c, a)
    order by 1, 2, 3, 4 on conflict do nothing`.execute(db)
}

/** The variant that a unit was served first, whatever the phase. @param unitHash hex */
export async function firstExposure(db: Db, testId: string, unitHash: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('abExposure')
    .select('variant')
    .where('testId', '=', testId)
    .where('unitHash', '=', Buffer.from(unitHash, 'hex'))
    .orderBy('phase')
    .limit(1)
    .executeTakeFirst()
  return row?.variant
}
