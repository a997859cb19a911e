import { sql } from 'kysely'
import { visibleCategories } from './access.ts'
import type { Ctx } from './context.ts'
import type { Db } from './db.ts'

/**
 * The same context inside a transaction that is already open: it reads what that transaction sees. Its `read` hides, as
 * it does outside, the prompts of categories that the caller may not see.
 */
export function joined(ctx: Ctx, tx: Db): Ctx {
  const categories = visibleCategories(ctx.actor)
  return {
    ...ctx,
    read: categories ? limitedReader(tx, categories) : (work) => work(tx),
    readAll: (work) => work(tx),
    transact: (work) => work(tx),
  }
}

/** The limit holds from the first of reads that overlap to the end of the last. */
function limitedReader(tx: Db, categories: readonly string[]): Ctx['read'] {
  let readers = 0
  let settled: Promise<unknown> = Promise.resolve()
  const limitTo = (value: string): Promise<unknown> => {
    settled = settled.then(() => sql`select set_config('app.categories', ${value}, true)`.execute(tx))
    return settled
  }
  return async (work) => {
    await (readers++ === 0 ? limitTo(JSON.stringify(categories)) : settled)
    try {
      return await work(tx)
    } finally {
      // A transaction that has failed takes no more statements, and shows nobody anything.
      if (--readers === 0) await limitTo('').catch(() => undefined)
    }
  }
}
