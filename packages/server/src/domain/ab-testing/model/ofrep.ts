import type { AppError } from '../../../core/errors.ts'
import { ABTestNotFound } from './failures.ts'

/** Why a value is what it is, in the words of OpenFeature (specification, types, resolution reason). */
export const reasonOf = (enrolled: boolean, reason: string): string => {
  if (enrolled) return 'SPLIT'
  if (reason === 'forced') return 'TARGETING_MATCH'
  return reason === 'draft' || reason === 'paused' || reason === 'ended' ? 'DISABLED' : 'DEFAULT'
}

/** An answer, as `core/answer.ts` has it. */
type Told = Readonly<{ status: number; headers: Readonly<Record<string, string>>; body: string }>
export type Failure = Readonly<{ key?: string; errorCode?: string; errorDetails: string }>

const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): Told => ({
  status,
  headers: { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store', ...headers },
  body: JSON.stringify(body),
})

const keyed = (key: string | undefined) => (key === undefined ? {} : { key })

/** A context that cannot be evaluated: 400. */
export const badContext = (errorCode: 'TARGETING_KEY_MISSING' | 'INVALID_CONTEXT', errorDetails: string, key?: string): Told =>
  json(400, { ...keyed(key), errorCode, errorDetails } satisfies Failure)

/**
 * A failure as the OpenFeature Remote Evaluation Protocol (0.2) tells it. Of who may not ask, or too much, it says nothing:
 * that is told as everywhere.
 * @param key the flag that was asked for; none for all of them
 */
export function failureOf({ kind, detail, extras }: AppError, key?: string): Told | undefined {
  if ([401, 403, 413, 429].includes(kind.status)) return undefined
  const { headers } = extras
  if (kind === ABTestNotFound) return json(404, { ...keyed(key), errorCode: 'FLAG_NOT_FOUND', errorDetails: detail }, headers)
  if (kind.status >= 500) return json(kind.status, { errorDetails: detail }, headers)
  const isUnread = kind.code.startsWith('request.')
  return json(400, { ...keyed(key), errorCode: isUnread ? 'PARSE_ERROR' : 'GENERAL', errorDetails: detail }, headers)
}
