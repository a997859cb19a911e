import { AppError } from '../errors.ts'
import { TokenInvalid } from '../problem.ts'

/** What a write answers as `X-Consistency-Token`: the transaction it was, for a later read to insist on. */
export const tokenOf = (xid: string): string => `ps1.${BigInt(xid).toString(36)}`

/** @returns the transaction id of a token. @throws TokenInvalid (400) */
export function xidOf(token: string): bigint {
  const digits = /^ps1\.([0-9a-z]{1,13})$/.exec(token)?.[1]
  if (!digits) throw new AppError(TokenInvalid, 'Send back the X-Consistency-Token of a write as it came, or leave it out.')
  let value = 0n
  for (const digit of digits) value = value * 36n + BigInt(Number.parseInt(digit, 36))
  return value
}
