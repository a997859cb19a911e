import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { endOfPiece, type Folded } from '../../../core/fold.ts'
import { settledBefore } from '../../../core/horizon.ts'
import { mostSeriesPerHour, spread, startCounting } from '../model/rollup.ts'
import { seriesIn } from '../store/admission.ts'
import { experimentUses, type MeasuredUse } from '../store/experiment-uses.ts'
import { countRaw } from '../store/raw-rows.ts'
import { addRollups } from '../store/rollups.ts'
import { addUsers } from '../store/users.ts'
import { countAgain, countNextAgain, openedDays } from './rebuild.ts'

/** Is told, in the transaction that counts them, of uses that were part of an A/B test: each once. */
export type TellExperiments = (db: Db, uses: readonly MeasuredUse[]) => Promise<void>

type State = Readonly<{ horizon: string; countedBy: string | null; settled: string; recountBefore: string | null }>

/**
 * Count raw rows that are not counted, each once: those of transactions from the horizon to the oldest that is still
 * under way, which nobody can add to any more; and move the horizon, in one transaction. Whatever comes late, out of
 * order, or at a bad moment, has a transaction of its own and is met in its turn.
 * @param db across workspaces
 * @returns undefined while another instance is at it
 */
export async function foldPass(
  db: Db,
  limits = { seriesPerHour: mostSeriesPerHour },
  tell: TellExperiments = async () => undefined,
): Promise<(Folded & { rows: number }) | undefined> {
  const { rows } = await sql<State>`
    select horizon::text, counted_by::text, recount_before::text, greatest(horizon, ${settledBefore})::text as settled from usage_fold for update skip locked`.execute(
    db,
  )
  const state = rows[0]
  if (!state) return undefined
  if (state.countedBy === null) return restored(db, state)
  const upTo = await endOfPiece(db, sql.table('usage_event'), state)
  const counting = startCounting()
  const read = await countRaw(db, sql`xid >= ${state.horizon}::xid8 and xid < ${upTo}::xid8`, counting.add)
  if (read > 0) {
    const hours = counting.hours()
    await addRollups(db, spread(hours, await seriesIn(db, hours, limits.seriesPerHour)))
    await addUsers(db, counting.users())
    const uses = await experimentUses(db, state.horizon, upTo)
    if (uses.length > 0) await tell(db, uses)
  }
  if (upTo !== state.horizon && (read > 0 || upTo !== state.settled || isFar(state))) await moveHorizon(db, upTo)
  const fresh = upTo !== state.settled
  // Days that were counted before a sum or sketch was added are counted again; what is new goes before.
  const more = fresh || (state.recountBefore !== null && (await countNextAgain(db, state.recountBefore, upTo, Date.now())))
  return { rows: read, more, horizon: BigInt(upTo) }
}

/** Where nothing was measured the horizon is moved now and then, so that no write is made for nothing. */
const isFar = ({ horizon, settled }: State): boolean => BigInt(settled) - BigInt(horizon) > 10_000n

const moveHorizon = (db: Db, upTo: string) => sql`update usage_fold set horizon = ${upTo}::xid8`.execute(db)

/** After a restore all days whose raw rows are there are counted anew. */
async function restored(db: Db, { settled }: State): Promise<Folded & { rows: number }> {
  await countAgain(db, await openedDays(db), settled, Date.now())
  await sql`update usage_fold set horizon = ${settled}::xid8, counted_by = pg_current_xact_id(), recount_before = null`.execute(db)
  return { rows: 0, more: false, horizon: BigInt(settled) }
}
