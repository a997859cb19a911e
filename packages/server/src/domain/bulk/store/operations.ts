import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { Counts, Decided, Operation, Status, Wanted } from '../model/operation.ts'
import '../tables.ts'

const columns = [
  'id',
  'kind',
  'atomic',
  'dryRun',
  'options',
  'status',
  'total',
  'succeeded',
  'failed',
  'skipped',
  'doneThrough',
  'cancelRequested',
  'requestId',
  'traceparent',
  'createdBy',
  'finishedAt',
] as const

export type NewOperation = Wanted &
  Readonly<{
    id: string
    total: number
    requestId: string
    traceparent: string | null
    createdBy: string
    createdAt: string
    receivedAt: string | null
    retryOf: string | null
  }>

export const operationStore = (tx: Db) => ({
  async add({ options, ...operation }: NewOperation): Promise<void> {
    await tx
      .insertInto('bulkOperation')
      .values({ ...operation, options: JSON.stringify(options), status: 'queued', touchedAt: operation.createdAt, error: null })
      .execute()
  },

  find: (id: string): Promise<Operation | undefined> =>
    tx.selectFrom('bulkOperation').select(columns).where('id', '=', id).where('receivedAt', 'is not', null).executeTakeFirst(),

  /** How many of the workspace are not over. */
  async open(): Promise<number> {
    const { rows } = await sql<{ open: number }>`select count(*)::int as open from bulk_operation where finished_at is null`.execute(tx)
    return rows[0]!.open
  },

  /** Whoever works on an operation holds this lock until its transaction ends: no two ever do. @returns false when another holds it */
  async tryLock(id: string): Promise<boolean> {
    const name = `bulk operation ${id}`
    const { rows } = await sql<{ locked: boolean }>`select pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) as locked`.execute(tx)
    return rows[0]!.locked
  },

  /** All of its lines have come. */
  async receive(id: string, counts: { total: number; failed: number }, at: string): Promise<void> {
    await tx
      .updateTable('bulkOperation')
      .set({ ...counts, receivedAt: at, touchedAt: at })
      .where('id', '=', id)
      .execute()
  },

  async advance(id: string, decided: readonly Decided[], counts: Counts, at: string): Promise<void> {
    const through = decided.at(-1)?.index ?? -1
    await sql`update bulk_operation set status = 'running', started_at = coalesce(started_at, ${at}), touched_at = ${at},
      succeeded = succeeded + ${counts.succeeded}, failed = failed + ${counts.failed}, skipped = skipped + ${counts.skipped},
      done_through = greatest(done_through, ${through}::int) where id = ${id}`.execute(tx)
  },

  /** @returns what became of its items */
  async finish(id: string, status: Status, error: string | null, at: string): Promise<Counts> {
    const { rows } =
      await sql<Counts>`update bulk_operation set status = ${status}, error = ${error}, finished_at = ${at}, touched_at = ${at},
      started_at = coalesce(started_at, ${at}) where id = ${id} returning succeeded, failed, skipped`.execute(tx)
    return rows[0]!
  },

  /** @returns false when it is over */
  async requestCancel(id: string): Promise<boolean> {
    const { numUpdatedRows } = await tx
      .updateTable('bulkOperation')
      .set({ cancelRequested: true })
      .where('id', '=', id)
      .where('finishedAt', 'is', null)
      .executeTakeFirst()
    return numUpdatedRows > 0n
  },

  /** Forget an operation whose lines have not all come. */
  async discard(id: string): Promise<void> {
    await tx.deleteFrom('bulkItem').where('operationId', '=', id).execute()
    await tx.deleteFrom('bulkOperation').where('id', '=', id).execute()
  },
})
