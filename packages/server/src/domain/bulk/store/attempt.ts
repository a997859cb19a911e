import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { AppError, isAppError } from '../../../core/errors.ts'
import { Internal } from '../../../core/problem.ts'

/** 40001 serialization failure, 40P01 deadlock: the database wants the whole transaction again. */
const again = (error: unknown): boolean => ['40001', '40P01'].includes(String((error as { code?: unknown } | null)?.code))

/**
 * Do a part of a transaction; when it fails, all that it did is undone and the rest goes on.
 * @param unexpected told of what is nobody's fault but ours
 * @returns what the work gave, or why it failed
 * @throws what concerns the whole transaction: it must begin again, or the database is away
 */
export async function attempt<T>(tx: Db, work: () => Promise<T>, unexpected: (error: unknown) => void): Promise<T | AppError> {
  await sql`savepoint bulk_item`.execute(tx)
  try {
    const done = await work()
    await sql`release savepoint bulk_item`.execute(tx)
    return done
  } catch (error) {
    if (again(error) || (isAppError(error) && error.kind.status >= 500)) throw error
    await sql`rollback to savepoint bulk_item`.execute(tx) // fails where there is no connection any more
    if (isAppError(error)) return error
    unexpected(error)
    return new AppError(Internal, 'This item failed for a reason that is ours. Tell us the request id, and try it again.')
  }
}
