import { ABTestNotFound } from './failures.ts'

/** Why a value is what it is, in the words of OpenFeature (specification, types, resolution reason). */
export const reasonOf = (enrolled: boolean, reason: string): string => {
  if (enrolled) return 'SPLIT'
  if (reason === 'forced') return 'TARGETING_MATCH'
  return reason === 'draft' || reason === 'paused' || reason === 'ended' ? 'DISABLED' : 'DEFAULT'
}

export type Failure = Readonly<{ key?: string; errorCode?: string; errorDetails: string }>
type Told = Readonly<{ status: number; type: string; body: string }>

export const json = 'application/json; charset=utf-8'

const told = (status: number, failure: Failure): Told => ({ status, type: json, body: JSON.stringify(failure) })
const keyed = (key: string | undefined) => (key === undefined ? {} : { key })

/** What is wrong with a context: 400. */
export type ContextError = Readonly<{ errorCode: 'TARGETING_KEY_MISSING' | 'INVALID_CONTEXT'; errorDetails: string }>
export const badContext = ({ errorCode, errorDetails }: ContextError, key?: string): Told =>
  told(400, { ...keyed(key), errorCode, errorDetails })

/**
 * A failure as the OpenFeature Remote Evaluation Protocol (0.2) tells it. Of who may not ask, or too much, it says nothing:
 * that is told as everywhere.
 * @param key the flag that was asked for; none for all of them
 */
export function failureOf(
  { status, code, detail }: Readonly<{ status: number; code: string; detail: string }>,
  key?: string,
): Told | undefined {
  if ([401, 403, 413, 429].includes(status)) return undefined
  if (code === ABTestNotFound.code) return told(404, { ...keyed(key), errorCode: 'FLAG_NOT_FOUND', errorDetails: detail })
  if (status >= 500) return told(status, { errorDetails: detail })
  const isUnread = code.startsWith('request.')
  return told(400, { ...keyed(key), errorCode: isUnread ? 'PARSE_ERROR' : 'GENERAL', errorDetails: detail })
}
