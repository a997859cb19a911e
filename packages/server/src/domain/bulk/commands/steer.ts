import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { bulkFinished } from '../model/events.ts'
import { NothingToRetry, OperationNotFound, OperationOver, OperationUnderWay } from '../model/failures.ts'
import { countsOf, type Decided, type Operation, runJob, seesAll } from '../model/operation.ts'
import { itemStore } from '../store/items.ts'
import { operationStore } from '../store/operations.ts'
import { assertRoom } from './submit.ts'

type Ended = 'succeeded' | 'failed' | 'cancelled'

/** End an operation, and tell it. The caller holds its lock. */
export async function finish(tx: Db, ctx: Ctx, { id, kind, dryRun }: Operation, status: Ended, error: string | null): Promise<void> {
  const counts = await operationStore(tx).finish(id, status, error, ctx.now())
  if (!dryRun) await ctx.emit(tx, [bulkFinished(id, { operationId: id, kind, status, counts })])
}

/** Write down what became of some items, and how far the operation has come. */
export async function record(tx: Db, ctx: Ctx, { id }: Operation, decided: readonly Decided[]): Promise<void> {
  await itemStore(tx).decide(id, decided)
  await operationStore(tx).advance(id, decided, countsOf(decided), ctx.now())
}

/** End an operation before its last item: what is left of it is not done. */
export async function finishCancelled(tx: Db, ctx: Ctx, operation: Operation): Promise<void> {
  const skipped = await itemStore(tx).decideRest(operation.id, 'skipped', null)
  await operationStore(tx).advance(operation.id, [], { succeeded: 0, failed: 0, skipped }, ctx.now())
  await finish(tx, ctx, operation, 'cancelled', null)
}

/**
 * Cancel an operation: at once where nobody works on it, else before its next item.
 * @throws OperationNotFound (404), OperationOver (409)
 */
export const cancel = ({ id }: { id: string }, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    await findTold(tx, id, ctx)
    const operations = operationStore(tx)
    if (!(await operations.requestCancel(id))) throw new AppError(OperationOver, 'The operation is over. What it did stays; see its items.')
    if (await operations.tryLock(id)) await finishCancelled(tx, ctx, (await operations.find(id))!)
  })

/**
 * Try again what has failed, as an operation of its own and of whoever asks; of an atomic one all, since nothing of it stayed.
 * @returns its id
 * @throws OperationNotFound (404), OperationUnderWay, NothingToRetry, TooManyOperations (409)
 */
export const retry = ({ id }: { id: string }, ctx: Ctx): Promise<string> =>
  ctx.transact(async (tx) => {
    const { kind, atomic, dryRun, options, finishedAt, failed, skipped } = await findTold(tx, id, ctx)
    if (finishedAt === null)
      throw new AppError(OperationUnderWay, 'Wait until the operation is over, or cancel it; then try again what has failed.')
    const operations = operationStore(tx)
    assertRoom(await operations.open())
    const [next, at] = [ctx.newId(), ctx.now()]
    const copied = await itemStore(tx).copy(id, next, atomic && failed + skipped > 0)
    if (copied.total === copied.failed) throw new AppError(NothingToRetry, 'No item has failed that could be tried again as it is.')
    const by = { requestId: ctx.requestId, traceparent: ctx.traceparent ?? null, createdBy: ctx.actor.id, createdAt: at }
    await operations.add({ id: next, kind, atomic, dryRun, options, ...by, total: copied.total, receivedAt: at, retryOf: id })
    await operations.receive(next, copied, at)
    await ctx.enqueue(tx, runJob, { workspaceId: ctx.workspaceId, operationId: next })
    return next
  })

async function findTold(tx: Db, id: string, { actor }: Ctx): Promise<Operation> {
  const operation = await operationStore(tx).find(id)
  if (!operation || (!seesAll(actor) && operation.createdBy !== actor.id))
    throw new AppError(OperationNotFound, `There is no bulk operation ${id}. They are kept for 30 days after their end.`)
  return operation
}
