import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import { AppError } from './errors.ts'
import { CursorInvalid } from './problem.ts'
import type { Page } from './schemas.ts'

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
  const key = createSecretKey(secret)
  const sign = (scope: string, body: string) =>
    createHmac('sha256', key).update(`cursor\n${scope}\n${body}`).digest().subarray(0, 16).toString('base64url')
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

/** What a caller may say of the page that it wants. */
export type Paged = Readonly<{ limit?: number | undefined; cursor?: string | undefined; includeTotal?: boolean | undefined }>

/** One step of a walk over a list, from its cursor to the next one. */
export type Walk = Readonly<{
  /** How many items the page has at most. */
  size: number
  /** How many rows to read: one more tells whether there is another page. */
  take: number
  /** Where the page before ended; undefined on the first one. */
  after: Position | undefined
  /** The page of the rows that were read. @param position where the walk stands after an item; `total` counts with `includeTotal` alone */
  page<T>(rows: readonly T[], position: (last: T) => Position, total?: () => Promise<number>): Promise<Page<T>>
}>

/**
 * Begin one step of a walk.
 * @param scope names the list and its filters: a cursor of one list is refused by another
 * @throws CursorInvalid (400)
 */
export function stepOf(scope: string, { limit, cursor, includeTotal }: Paged, { cursors }: { cursors: CursorCodec }): Walk {
  const size = pageSize(limit)
  return {
    size,
    take: size + 1,
    after: cursor === undefined ? undefined : cursors.decode(scope, cursor),
    async page(rows, position, total) {
      const items = rows.slice(0, size)
      const last = items.at(-1)
      return {
        items,
        nextCursor: rows.length > size && last !== undefined ? cursors.encode(scope, position(last)) : null,
        ...(includeTotal && total && { total: await total() }),
      }
    },
  }
}
