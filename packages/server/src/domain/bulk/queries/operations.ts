import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { isOver } from '../../../core/operation.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { OperationNotFound } from '../model/failures.ts'
import { type Kind, type Outcome, type Status, seesAll } from '../model/operation.ts'
import { type BulkItem, type BulkOperation, shownItems } from './shapes.ts'
import '../tables.ts'

const facts = sql`id, kind, atomic, dry_run, status, json_build_object('done', succeeded + failed + skipped, 'total', total) as progress,
  json_build_object('succeeded', succeeded, 'failed', failed, 'skipped', skipped) as counts, cancel_requested, retry_of, created_by, created_at,
  started_at, finished_at, error`
const itemFacts = sql`index, outcome, prompt_id, version, problem`

/** Operations that are complete, as far as the caller is told of them. */
const told = ({ actor }: Ctx) => sql`received_at is not null and ${seesAll(actor) ? sql`true` : sql`created_by = ${actor.id}`}`

/** With what became of its items, when it is over and they are few. @throws OperationNotFound (404) */
export const getOperation = ({ id }: { id: string }, ctx: Ctx): Promise<BulkOperation> =>
  ctx.read(async (db) => {
    const operation = await findOperation(db, id, ctx)
    if (!isOver(operation) || operation.progress.total > shownItems) return operation
    return { ...operation, items: await itemsOf(db, id, { after: -1, limit: shownItems }) }
  })

async function findOperation(db: Db, id: string, ctx: Ctx): Promise<BulkOperation> {
  const { rows } = await sql<BulkOperation>`select ${facts} from bulk_operation where id = ${id} and ${told(ctx)}`.execute(db)
  if (!rows[0]) throw new AppError(OperationNotFound, `There is no bulk operation ${id}. They are kept for 30 days after their end.`)
  return rows[0]
}

export type ListOperations = Readonly<{ status?: Status | undefined; kind?: Kind | undefined }> & Paged

/** Operations, the newest first. */
export async function listOperations({ status, kind, ...paged }: ListOperations, ctx: Ctx): Promise<Page<BulkOperation>> {
  const { after, take, page } = stepOf(`bulk operations ${ctx.workspaceId} ${status} ${kind}`, paged, ctx)
  const wanted = sql`${told(ctx)} and ${status ? sql`status = ${status}` : sql`true`} and ${kind ? sql`kind = ${kind}` : sql`true`}`
  const rest = after ? sql`id < ${String(after[0])}::uuid` : sql`true`
  return ctx.read(async (db) => {
    const { rows } = await sql<BulkOperation>`
      select ${facts} from bulk_operation where ${wanted} and ${rest} order by id desc limit ${take}`.execute(db)
    const total = async () =>
      (await sql<{ n: number }>`select count(*)::int as n from bulk_operation where ${wanted}`.execute(db)).rows[0]!.n
    return page(rows, (last) => [last.id], total)
  })
}

export type ListItems = Readonly<{ id: string; outcome?: Outcome | undefined }>

/** What became of an operation's items, in their order. @throws OperationNotFound (404) */
export async function listItems({ id, outcome, ...paged }: ListItems & Paged, ctx: Ctx): Promise<Page<BulkItem>> {
  const { after, take, page } = stepOf(`bulk items ${id} ${outcome}`, paged, ctx)
  return ctx.read(async (db) => {
    await findOperation(db, id, ctx)
    const rows = await itemsOf(db, id, { after: after ? Number(after[0]) : -1, limit: take, outcome })
    const total = async () => {
      const counted = sql<{ n: number }>`select count(*)::int as n from bulk_item where operation_id = ${id} and ${withOutcome(outcome)}`
      return (await counted.execute(db)).rows[0]!.n
    }
    return page(rows, (last) => [last.index], total)
  })
}

const withOutcome = (outcome: Outcome | undefined) => (outcome ? sql`outcome = ${sql.lit(outcome)}` : sql`true`)

async function itemsOf(db: Db, id: string, page: { after: number; limit: number; outcome?: Outcome | undefined }): Promise<BulkItem[]> {
  const { rows } = await sql<BulkItem>`select ${itemFacts} from bulk_item
    where operation_id = ${id} and index > ${page.after} and ${withOutcome(page.outcome)} order by index limit ${page.limit}`.execute(db)
  return rows
}

/** Items in one read of an export. */
const exported = 1_000

/** What became of all items, one a line; what is decided meanwhile is told as it is when it is read. @throws OperationNotFound (404) */
export async function exportItems({ id, outcome }: ListItems, ctx: Ctx): Promise<AsyncGenerator<string>> {
  await ctx.read((db) => findOperation(db, id, ctx))
  return linesOf(id, outcome, ctx)
}

async function* linesOf(id: string, outcome: Outcome | undefined, ctx: Ctx): AsyncGenerator<string> {
  for (let after = -1; ; ) {
    const items = await ctx.read((db) => itemsOf(db, id, { after, limit: exported, outcome }))
    if (items.length > 0) yield items.map((item) => `${JSON.stringify(item)}\n`).join('')
    if (items.length < exported) return
    after = items.at(-1)!.index
  }
}
