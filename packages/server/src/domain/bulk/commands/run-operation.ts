import { setTimeout as sleep } from 'node:timers/promises'
import type { Principal } from '../../../core/access.ts'
import type { Acting } from '../../../core/acting.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { problemOf } from '../../../core/problem.ts'
import type { Gates } from '../../prompts/index.ts'
import { CallerGone } from '../model/failures.ts'
import { type Decided, isWhole, type Operation, runJob } from '../model/operation.ts'
import { itemStore } from '../store/items.ts'
import { operationStore } from '../store/operations.ts'
import { applyItems } from './apply-items.ts'
import { createSlots } from './slots.ts'
import { finish, finishCancelled, record } from './steer.ts'
import { instanceOf } from './submit.ts'

/** Items and bytes of one transaction: few enough to be soon over, enough to share its cost. Creates are one statement for all. */
const chunkOf = ({ kind }: Operation) => ({ items: kind === 'create' ? 500 : 250, bytes: 8 * 1024 * 1024 })
/** A run hands over to the next after this long, so that other operations get their turn and a stop is soon done. Milliseconds. */
const sliceMs = 2_000
/** How long to wait when another worker is on it. Milliseconds. */
const busyMs = 200
/** Transactions of operations at a time in one process: the others of its connections are for requests. */
const atOnce = 2

export type Running = Acting &
  Readonly<{
    gates: Gates
    /** Told of what fails for a reason that is ours. */
    log(message: string, details: object): void
  }>
export type RunPayload = Readonly<{ workspaceId: string; operationId: string }>

type Step = 'more' | 'busy' | 'over'

/** Work on an operation for a while, as its caller, with the rights that the caller has by then. */
export function createRunner(parts: Running): (payload: RunPayload) => Promise<void> {
  const slots = createSlots(atOnce)
  return async (payload) => {
    const { workspaceId, operationId } = payload
    const nobody: Principal = { id: 'bulk', workspaceId, permissions: new Set(), instanceAdmin: false }
    const looking = parts.contextFor(nobody, { requestId: operationId })
    const found = await looking.read((db) => operationStore(db).find(operationId))
    if (!found) return
    const end = performance.now() + sliceMs
    for (;;) {
      const step = await slots(() => stepOf(found, workspaceId, parts))
      if (step === 'over') return
      if (performance.now() > end) return looking.transact((tx) => looking.enqueue(tx, runJob, payload))
      if (step === 'busy') await sleep(busyMs)
    }
  }
}

/** One chunk; of an atomic operation, and of a dry run, all of it. */
async function stepOf(found: Operation, workspaceId: string, parts: Running): Promise<Step> {
  const { id, createdBy, requestId, traceparent } = found
  const nobody: Principal = { id: createdBy, workspaceId, permissions: new Set(), instanceAdmin: false }
  const origin = { requestId, ...(traceparent && { traceparent }) }
  const asNobody = parts.contextFor(nobody, origin)
  const principal = (await parts.presence([createdBy], asNobody)).get(createdBy)
  const ctx = principal ? parts.contextFor(principal, origin) : asNobody
  const unexpected = (error: unknown) => parts.log('an item of a bulk operation failed', { operationId: id, requestId, err: error })
  const apply: Apply = (operation, items, tx) => applyItems(operation, items, { gates: parts.gates, tx, ctx, unexpected })
  if (principal && isWhole(found)) return allAtOnce(id, ctx, apply)
  return ctx.transact(async (tx) => {
    const operation = await claim(tx, id)
    if (typeof operation === 'string') return operation
    if (operation.cancelRequested) return over(finishCancelled(tx, ctx, operation))
    if (!principal) return over(failRest(tx, ctx, operation))
    const items = await itemStore(tx).pending(id, operation.doneThrough, chunkOf(operation))
    if (items.length === 0) return over(finish(tx, ctx, operation, 'succeeded', null))
    await record(tx, ctx, operation, await apply(operation, items, tx))
    return 'more'
  })
}

type Apply = (operation: Operation, items: Parameters<typeof applyItems>[1], tx: Db) => Promise<Decided[]>

const over = (ending: Promise<void>): Promise<Step> => ending.then(() => 'over')

/** The operation as it is now that nobody else works on it. */
async function claim(tx: Db, id: string): Promise<Operation | 'busy' | 'over'> {
  const operations = operationStore(tx)
  if (!(await operations.tryLock(id))) return 'busy'
  const operation = await operations.find(id)
  return operation && operation.finishedAt === null ? operation : 'over'
}

async function failRest(tx: Db, ctx: Ctx, operation: Operation): Promise<void> {
  const gone = new AppError(
    CallerGone,
    `${operation.createdBy} has no key and no membership any more. Somebody who has can retry the operation.`,
  )
  const problem = problemOf(gone, { instance: instanceOf(operation.id), requestId: operation.requestId })
  const failed = await itemStore(tx).decideRest(operation.id, 'failed', problem)
  await operationStore(tx).advance(operation.id, [], { succeeded: 0, failed, skipped: 0 }, ctx.now())
  await finish(tx, ctx, operation, 'failed', gone.detail)
}

/** Thrown to undo a transaction, with what would have become of its items. */
class Undone extends Error {
  readonly decided: readonly Decided[]
  readonly cancelled: boolean
  constructor(decided: readonly Decided[], cancelled: boolean) {
    super('undone on purpose')
    this.decided = decided
    this.cancelled = cancelled
  }
}

/** All items in one transaction, which stands only when all of them can be done and it is no dry run. */
async function allAtOnce(id: string, ctx: Ctx, apply: Apply): Promise<Step> {
  try {
    return await ctx.transact(async (tx) => {
      const operation = await claim(tx, id)
      if (typeof operation === 'string') return operation
      const decided = await tryAll(tx, operation, apply)
      if (operation.dryRun || operation.failed > 0 || decided.some(({ outcome }) => outcome === 'failed')) throw new Undone(decided, false)
      await record(tx, ctx, operation, decided)
      return over(finish(tx, ctx, operation, 'succeeded', null))
    })
  } catch (error) {
    if (!(error instanceof Undone)) throw error
    return writeDown(id, ctx, error)
  }
}

async function tryAll(tx: Db, operation: Operation, apply: Apply): Promise<Decided[]> {
  const decided: Decided[] = []
  for (;;) {
    const items = await itemStore(tx).pending(operation.id, decided.at(-1)?.index ?? -1, chunkOf(operation))
    if (items.length === 0) return decided
    if ((await operationStore(tx).find(operation.id))!.cancelRequested) throw new Undone([], true)
    decided.push(...(await apply(operation, items, tx)))
  }
}

/** What was undone leaves its findings behind. */
const writeDown = (id: string, ctx: Ctx, { decided, cancelled }: Undone): Promise<Step> =>
  ctx.transact(async (tx) => {
    const operation = await claim(tx, id)
    if (typeof operation === 'string') return operation
    if (cancelled || operation.cancelRequested) return over(finishCancelled(tx, ctx, operation))
    const failed = operation.failed + decided.filter(({ outcome }) => outcome === 'failed').length
    const refused = operation.atomic && failed > 0
    await record(tx, ctx, operation, refused && !operation.dryRun ? decided.map((one) => skipped(operation, one)) : decided)
    const error = refused ? `${failed} of ${operation.total} items cannot be done, so none was. See the items that failed.` : null
    return over(finish(tx, ctx, operation, refused ? 'failed' : 'succeeded', error))
  })

/** What could have been done was not, for the others' sake. */
const skipped = ({ kind }: Operation, one: Decided): Decided =>
  one.outcome === 'failed' ? one : { ...one, outcome: 'skipped', promptId: kind === 'create' ? null : one.promptId, version: null }
