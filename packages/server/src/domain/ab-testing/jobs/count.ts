import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { endOfPiece, type Folded } from '../../../core/fold.ts'
import { settledBefore } from '../../../core/horizon.ts'
import { countOutcomes } from '../store/counting.ts'
import { type Recounting, recountSlice } from './recount.ts'

type State = Recounting & Readonly<{ horizon: string; countedBy: string | null; settled: string }>

/**
 * Count outcomes and exposures that are not counted, each once: those of transactions from the horizon to the oldest that is
 * still under way, which nobody can add to any more; and move the horizon, in one transaction.
 * @param db across workspaces
 * @returns undefined while another instance is at it
 */
export async function countPass(db: Db): Promise<Folded | undefined> {
  const { rows } = await sql<State>`
    select horizon::text, counted_by::text, greatest(horizon, ${settledBefore})::text as settled, recount_to::text, recount_workspace, recount_test, recount_unit,
      set_config('enable_seqscan', 'off', true) -- for this transaction: a table that grew since it was analyzed would be read whole for each unit
    from ab_fold for update skip locked`.execute(db)
  const state = rows[0]
  if (!state) return undefined
  if (state.countedBy === null) return recountSlice(db, state)
  const upTo = await endOfPiece(db, sql.table('ab_exposure'), { ...state, settled: await endOfPiece(db, sql.table('ab_outcome'), state) })
  const some = await hasAny(db, state.horizon, upTo)
  if (some) await countOutcomes(db, state.horizon, upTo)
  const far = BigInt(upTo) - BigInt(state.horizon) > 10_000n
  if (some || far || (upTo !== state.horizon && upTo !== state.settled)) await sql`update ab_fold set horizon = ${upTo}::xid8`.execute(db)
  return { more: upTo !== state.settled, horizon: BigInt(upTo) }
}

async function hasAny(db: Db, from: string, upTo: string): Promise<boolean> {
  const within = sql`where xid >= ${from}::xid8 and xid < ${upTo}::xid8`
  const { rows } = await sql<{ any: boolean }>`
    select exists (select 1 from ab_outcome ${within}) or exists (select 1 from ab_exposure ${within}) as any`.execute(db)
  return rows[0]!.any
}
