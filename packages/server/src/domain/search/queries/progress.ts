import type { Db } from '../../../core/db.ts'
import '../tables.ts'

/** The position of the feed up to which the index has read. */
export const indexedUpTo = async (db: Db): Promise<number> =>
  (await db.selectFrom('searchProgress').select('position').executeTakeFirstOrThrow()).position
