import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { Folded } from '../../../core/fold.ts'
import { countOutcomes, forgetCounts, isSpared, sparedTests } from '../store/counting.ts'
import { nextSlice, noPlace, type Place } from '../store/slices.ts'

/** How far a recount has come; all null: it begins. */
export type Recounting = Readonly<{
  recountTo: string | null
  recountWorkspace: string | null
  recountTest: string | null
  recountUnit: Buffer | null
}>

/** Outcomes, and exposures, in one transaction. */
const rowsAtOnce = 20_000

const placeOf = ({ recountWorkspace: workspaceId, recountTest: testId, recountUnit: unit }: Recounting): Place | undefined =>
  workspaceId === null || testId === null ? undefined : { workspaceId, testId, unit }

type State = Recounting & Readonly<{ horizon: string; settled: string }>

/**
 * Count a slice of all outcomes that there are anew: at the beginning, and after a restore. A unit's outcomes depend on its
 * own exposures alone, so that slices of units add up. What comes meanwhile waits. Tests whose outcomes were purged keep what
 * is counted of them.
 * @param db across workspaces, with the row of the fold locked
 * @param state `settled`: the oldest transaction that is still under way
 */
export async function recountSlice(db: Db, state: State, atOnce = rowsAtOnce): Promise<Folded> {
  if (state.recountTo === null) return begin(db, state)
  const slice = await nextSlice(db, placeOf(state), atOnce)
  if (!slice) {
    await sql`update ab_fold set counted_by = pg_current_xact_id(), ${noPlace}`.execute(db)
    return { more: state.recountTo !== state.settled, horizon: BigInt(state.recountTo) }
  }
  const spared = await isSpared(db, slice)
  if (!spared) {
    if (slice.from === null) await forgetCounts(db, slice)
    await countOutcomes(db, '0', state.recountTo, slice)
  }
  await sql`update ab_fold set recount_workspace = ${slice.workspaceId}, recount_test = ${slice.testId}, recount_unit = ${spared ? null : slice.to}`.execute(
    db,
  )
  return { more: true, horizon: 0n }
}

/** Settle how far it goes. What tests that are spared have beyond the horizon is added to them now; after a restore there is none. */
async function begin(db: Db, { horizon, settled }: State): Promise<Folded> {
  if (horizon !== '0')
    for (const test of await sparedTests(db)) await countOutcomes(db, horizon, settled, { ...test, from: null, to: null })
  await sql`update ab_fold set horizon = ${settled}::xid8, recount_to = ${settled}::xid8`.execute(db)
  return { more: true, horizon: 0n }
}

/** Have the next passes count everything anew, from the beginning. @param db across workspaces */
export const wantRecount = (db: Db) => sql`update ab_fold set counted_by = null, ${noPlace}`.execute(db)
