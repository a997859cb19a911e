import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../../core/db.ts'

/** The rows of a query, so many at a time: however many there are, few are in memory. @param db a transaction, of which this uses one cursor at a time */
export async function* pieces<T>(db: Db, query: RawBuilder<unknown>, atOnce: number): AsyncGenerator<T[]> {
  await sql`declare usage_pieces no scroll cursor for ${query}`.execute(db)
  try {
    for (;;) {
      const { rows } = await sql<T>`fetch ${sql.raw(String(atOnce))} from usage_pieces`.execute(db)
      if (rows.length > 0) yield rows
      if (rows.length < atOnce) return
    }
  } finally {
    await sql`close usage_pieces`.execute(db).catch(() => undefined)
  }
}

/** The rows of a query: in one trip where one brings them all, else so many at a time. @param db like that of `pieces` */
export async function* piecesOf<T>(db: Db, query: RawBuilder<unknown>, atOnce: number): AsyncGenerator<T[]> {
  const { rows } = await sql<T>`${query} limit ${atOnce + 1}`.execute(db)
  if (rows.length > atOnce) yield* pieces<T>(db, query, atOnce)
  else if (rows.length > 0) yield rows
}
