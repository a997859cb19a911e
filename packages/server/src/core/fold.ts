import { type RawBuilder, sql } from 'kysely'
import type { Db } from './db.ts'
import { createLoop } from './loop.ts'
import type { AcrossWorkspaces } from './runtime.ts'

/** What one pass counted. */
export type Folded = Readonly<{
  /** There is more to do at once. */
  more: boolean
  /** All of transactions before this one is counted. */
  horizon: bigint
}>

/** Counts raw rows that are not counted, a piece of them at a time. @returns undefined while another instance is at it */
export type FoldPass = (db: Db) => Promise<Folded | undefined>

/** Raw rows that are added up in the background. */
export type Fold = Readonly<{
  /** There is something to count. */
  wake(): void
  /** Count all that was committed before this call. @throws the signal's reason when it is aborted */
  settle(signal?: AbortSignal): Promise<void>
  start(): void
  stop(): Promise<void>
}>

/**
 * Between two passes, and while another instance counts or a transaction holds the horizon back, milliseconds. Behind a
 * flood the counting takes half of the time, so that those who tell come first.
 */
const everyMs = 1_000

/**
 * Count in the background: one instance of the cluster at a time, and each one that took rows sees to it that they are
 * counted. Where none come, nothing is asked.
 */
export function createFold(system: AcrossWorkspaces, pass: FoldPass, failed: (error: Error) => void): Fold {
  /** The transaction before which all must be counted, as far as this instance knows. */
  let owed = 0n
  let wanted = true // what an instance that has died left
  const loop = createLoop(async () => {
    const startedAt = performance.now()
    if (wanted) {
      wanted = false
      owed = await system(newestTransaction, 'read')
    }
    const folded = await system(pass, 'write')
    const behind = folded === undefined || folded.more || folded.horizon < owed
    return { more: behind || wanted, restMs: folded?.more ? performance.now() - startedAt : everyMs }
  }, failed)
  return {
    wake() {
      wanted = true
      loop.wake()
    },
    async settle(signal) {
      const goal = await system(newestTransaction, 'read')
      for (;;) {
        signal?.throwIfAborted()
        const folded = await system(pass, 'write')
        if (folded && folded.horizon >= goal) return
        if (!folded?.more) await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    start() {
      loop.start()
      loop.wake()
    },
    stop: () => loop.stop(),
  }
}

/** No transaction that has been given a number so far has this one or a later one. */
async function newestTransaction(db: Db): Promise<bigint> {
  const { rows } = await sql<{ xid: string }>`select pg_snapshot_xmax(pg_current_snapshot())::text as xid`.execute(db)
  return BigInt(rows[0]!.xid)
}

/** Rows in one transaction of a fold. */
const rowsAtOnce = 20_000

/**
 * Up to which transaction, itself not counted, one pass goes: whole transactions, about 20,000 rows together.
 * @param rows the table of the raw rows, each with the number of its transaction in `xid`
 * @param span the horizon, and the oldest transaction that is still under way
 */
export async function endOfPiece(
  db: Db,
  rows: RawBuilder<unknown>,
  { horizon, settled }: { horizon: string; settled: string },
): Promise<string> {
  const found = await sql<{ xid: string }>`
    select r.xid::text from ${rows} r where r.xid >= ${horizon}::xid8 and r.xid < ${settled}::xid8 order by r.xid offset ${rowsAtOnce} limit 1`.execute(
    db,
  )
  const xid = found.rows[0]?.xid
  if (xid === undefined) return settled
  return xid === horizon ? String(BigInt(xid) + 1n) : xid
}
