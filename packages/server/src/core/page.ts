import { createHmac, timingSafeEqual } from 'node:crypto'
import { AppError } from './errors.ts'
import { CursorInvalid } from './problem.ts'

/** Where a walk stands: the sort values of the last item given, and what the walk was over. */
export type Position = readonly (string | number)[]

export type CursorCodec = Readonly<{
  /** @param scope names the list and its filters: a cursor of one list is refused by another */
  encode(scope: string, position: Position): string
  /** @throws CursorInvalid (400) when it was tampered with, cut, or made for another list */
  decode(scope: string, cursor: string): Position
}>

/** Cursors are signed (HMAC-SHA-256 cut to 128 bits), so that nobody can make one that reads elsewhere. */
export function cursorCodec(secret: Uint8Array): CursorCodec {
  const sign = (scope: string, body: string) =>
    createHmac('sha256', secret).update(`cursor\n${scope}\n${body}`).digest().subarray(0, 16).toString('base64url')
  const refuse = () =>
    new AppError(CursorInvalid, 'Start again without a cursor, and keep the filters and the sort as they were while walking.')
  return {
    encode(scope, position) {
      const body = Buffer.from(JSON.stringify(position)).toString('base64url')
      return `${body}.${sign(scope, body)}`
    },
    decode(scope, cursor) {
      const [body = '', signature = '', ...rest] = cursor.split('.')
      // Compared as text: base64url has several spellings of the same bytes.
      const given = Buffer.from(signature)
      const wanted = Buffer.from(sign(scope, body))
      if (rest.length > 0 || given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw refuse()
      return JSON.parse(Buffer.from(body, 'base64url').toString()) as Position
    },
  }
}

/** @returns the number of items to give: 50 without a limit, 200 at most */
export const pageSize = (limit: number | undefined): number => Math.min(limit ?? 50, 200)
