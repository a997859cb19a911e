import { isUtf8 } from 'node:buffer'
import type { Ctx } from '../../../core/context.ts'
import { AppError, isAppError } from '../../../core/errors.ts'
import { prefix } from '../../../core/http/mount.ts'
import { linesIn, tooLong } from '../../../core/ndjson.ts'
import { problemOf, RequestMalformed } from '../../../core/problem.ts'
import { ItemTooLarge, NoItems, TooManyItems, TooManyOperations } from '../model/failures.ts'
import { isWhole, maxItemBytes, maxItems, maxOpen, maxWhole, runJob, type Wanted } from '../model/operation.ts'
import { type Incoming, itemStore } from '../store/items.ts'
import { type NewOperation, operationStore } from '../store/operations.ts'

/** Items in one statement; of lines, so many items or bytes are in memory at a time. */
const [batchItems, batchBytes] = [500, 4 * 1024 * 1024]

/**
 * Take in an operation whose items are at hand, and have it worked on.
 * @returns its id
 * @throws TooManyOperations (409), TooManyItems (422)
 */
export const submit = (wanted: Wanted, items: readonly object[], ctx: Ctx): Promise<string> =>
  ctx.transact(async (tx) => {
    assertCount(wanted, items.length)
    const operations = operationStore(tx)
    assertRoom(await operations.open())
    const operation = opened(wanted, items.length, ctx)
    await operations.add({ ...operation, receivedAt: ctx.now() })
    for (let from = 0; from < items.length; from += batchItems) {
      const batch = items.slice(from, from + batchItems).map((item) => JSON.stringify(item))
      await itemStore(tx).add(operation.id, from, batch)
    }
    await ctx.enqueue(tx, runJob, { workspaceId: ctx.workspaceId, operationId: operation.id })
    return operation.id
  })

/**
 * Take in an operation line by line. Lines are stored as they come and only then are more of them read; what is wrong
 * with one is told when its turn comes. Nothing is worked on before the last one is there.
 * @returns its id
 * @throws TooManyOperations (409), TooManyItems, NoItems (422), RequestMalformed (400) when they break off
 */
export async function receive(wanted: Wanted, lines: AsyncIterable<Uint8Array>, ctx: Ctx): Promise<string> {
  const operation = opened(wanted, 0, ctx)
  const { id } = operation
  await ctx.transact(async (tx) => {
    const operations = operationStore(tx)
    assertRoom(await operations.open())
    await operations.add(operation)
  })
  try {
    let [total, failed] = [0, 0]
    for await (const batch of batchesOf(lines, id, ctx)) {
      assertCount(wanted, total + batch.length)
      await ctx.transact((tx) => itemStore(tx).add(id, total, batch))
      total += batch.length
      failed += batch.filter((one) => typeof one !== 'string').length
    }
    if (total === 0) throw new AppError(NoItems, 'Send one item a line.')
    await ctx.transact(async (tx) => {
      await operationStore(tx).receive(id, { total, failed }, ctx.now())
      await ctx.enqueue(tx, runJob, { workspaceId: ctx.workspaceId, operationId: id })
    })
    return id
  } catch (error) {
    await ctx.transact((tx) => operationStore(tx).discard(id)).catch(() => undefined) // else the purge will
    throw error
  }
}

const opened = (wanted: Wanted, total: number, ctx: Ctx): NewOperation => ({
  ...wanted,
  id: ctx.newId(),
  total,
  requestId: ctx.requestId,
  traceparent: ctx.traceparent ?? null,
  createdBy: ctx.actor.id,
  createdAt: ctx.now(),
  receivedAt: null,
  retryOf: null,
})

export function assertRoom(open: number): void {
  if (open >= maxOpen)
    throw new AppError(
      TooManyOperations,
      `${open} operations of this workspace are not over, and no more are taken. Wait for one to end, or cancel one.`,
    )
}

function assertCount(wanted: Wanted, items: number): void {
  if (isWhole(wanted) && items > maxWhole)
    throw new AppError(
      TooManyItems,
      `An atomic operation and a dry run take ${maxWhole} items, since they are one transaction. Send fewer, or neither "atomic" nor "dryRun".`,
    )
}

/** @throws TooManyItems (422) when a filter finds more prompts than are taken */
export function assertListed(found: number): void {
  if (found > maxItems)
    throw new AppError(TooManyItems, `The filter finds more than ${maxItems} prompts. Narrow it, and send several operations.`)
}

async function* batchesOf(lines: AsyncIterable<Uint8Array>, id: string, ctx: Ctx): AsyncGenerator<Incoming[]> {
  let batch: Incoming[] = []
  let bytes = 0
  for await (const line of linesIn(unbroken(lines), maxItemBytes)) {
    batch.push(readable(line, id, ctx))
    bytes += line === tooLong ? 0 : line.length
    if (batch.length < batchItems && bytes < batchBytes) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}

async function* unbroken(lines: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* lines
  } catch (error) {
    throw isAppError(error) ? error : new AppError(RequestMalformed, 'The lines broke off. Nothing of them was kept; send them again.')
  }
}

/** A line as it can be kept, or why it cannot. */
function readable(line: Buffer | typeof tooLong, id: string, { requestId }: Ctx): Incoming {
  const problem = (error: AppError) => problemOf(error, { instance: instanceOf(id), requestId })
  if (line === tooLong) return problem(new AppError(ItemTooLarge, `The line has more than ${maxItemBytes} bytes. Send less.`))
  if (!isUtf8(line) || line.includes(0)) return problem(new AppError(RequestMalformed, 'The line is not valid JSON in UTF-8.'))
  return line.toString('utf8')
}

/** The path that the problems of an operation's items name. */
export const instanceOf = (id: string): string => `${prefix}/bulk/operations/${id}`
