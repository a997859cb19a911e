import { type AppError, isAppError } from '../../core/errors.ts'
import { unavailable } from '../../core/problem.ts'

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '')

/** Errors of the socket, not of the statement (errno names of Node). */
const socketCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN'])

/**
 * SQLSTATE (PostgreSQL manual, appendix A): 08 connection, 57P server going down or coming up, 53 out of resources,
 * 57014 statement timeout, 55P03 lock timeout, 25P03 and 25P04 idle or too long in a transaction.
 */
const serverAway = (code: string) => /^(08...|57P..|53...|57014|55P03|25P03|25P04)$/.test(code)

/** True when the database, and not the statement, is the trouble. */
export function isDatabaseAway(error: unknown): boolean {
  const code = codeOf(error)
  if (socketCodes.has(code) || serverAway(code)) return true
  const message = String((error as Error | null)?.message ?? '')
  return /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|Query read timeout|Cannot use a pool after/.test(
    message,
  )
}

/** 40001 serialization failure, 40P01 deadlock: run the transaction again. */
export const isRetryable = (error: unknown): boolean => ['40001', '40P01'].includes(codeOf(error))

/** @returns the name of the violated unique constraint or index, or undefined */
export const violatedConstraint = (error: unknown): string | undefined =>
  codeOf(error) === '23505' ? (error as { constraint?: string }).constraint : undefined

/** What a failed transaction means to the caller: 503 when the database is away, else the error as it is. */
export function translate(error: unknown): unknown {
  if (isAppError(error)) return error
  if (isDatabaseAway(error))
    return Object.assign(
      unavailable(
        'The database does not answer. Nothing was changed, unless this was a write whose commit was under way; try again with an Idempotency-Key.',
      ),
      { cause: error },
    ) satisfies AppError
  if (isRetryable(error))
    return Object.assign(unavailable('Too many changes met here at once. Nothing was changed; try again.'), { cause: error })
  return error
}
