import type { Ctx } from './context.ts'
import type { Db } from './db.ts'

/** The same context inside a transaction that is already open: it reads what that transaction sees, hidden categories too. */
export const joined = (ctx: Ctx, tx: Db): Ctx => ({
  ...ctx,
  read: (work) => work(tx),
  readAll: (work) => work(tx),
  transact: (work) => work(tx),
})
