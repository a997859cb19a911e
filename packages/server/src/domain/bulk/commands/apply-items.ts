import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type AppError, isAppError } from '../../../core/errors.ts'
import { joined } from '../../../core/joined.ts'
import { problemOf } from '../../../core/problem.ts'
import { changePrompt, createMany, createPrompt, deletePrompt, type Gates, lockTags } from '../../prompts/index.ts'
import type { Decided, Item, Operation } from '../model/operation.ts'
import { changedTags } from '../model/tags.ts'
import { attempt } from '../store/attempt.ts'
import { readCreate, readDelete, readTag, readUpdate } from './read-item.ts'
import { instanceOf } from './submit.ts'

type Done = Readonly<{ id: string; version: number | null }>
/** How a chunk is worked on. `unexpected` is told of failures that are ours. */
type Work = Readonly<{ gates: Gates; tx: Db; ctx: Ctx; unexpected: (error: unknown) => void }>

/** Apply a chunk of an operation's items as its caller, in an open transaction. One that fails leaves nothing behind and takes no other along. */
export async function applyItems(
  operation: Operation,
  items: readonly Item[],
  { gates, tx, ctx, unexpected }: Omit<Work, 'ctx'> & { ctx: Ctx },
): Promise<Decided[]> {
  const work = { gates, tx, ctx: joined(ctx, tx), unexpected }
  const read = items.map(({ payload }) => settled(() => readers[operation.kind](payload)))
  const done =
    operation.kind === 'create' ? await createAll(read as Read<Create>[], work) : await eachOf(operation, read as Read<Named>[], work)
  const at = { instance: instanceOf(operation.id), requestId: operation.requestId }
  return items.map(({ index }, i) => {
    const [made, named] = [done[i]!, read[i]!]
    if (!isAppError(made)) return { index, outcome: 'succeeded', ...kept(operation, made), problem: null }
    const promptId = !isAppError(named) && 'id' in named ? (named as Named).id : null
    return { index, outcome: 'failed', promptId, version: null, problem: problemOf(made, at) }
  })
}

/** A dry run leaves nothing to be named. */
const kept = ({ dryRun, kind }: Operation, { id, version }: Done): { promptId: string | null; version: number | null } =>
  dryRun ? { promptId: kind === 'create' ? null : id, version: null } : { promptId: id, version }

const readers = { create: readCreate, update: readUpdate, delete: readDelete, tag: readTag }
type Create = ReturnType<typeof readCreate>
type Update = ReturnType<typeof readUpdate>
type Named = Readonly<{ id: string; force?: boolean }>
type Read<T> = T | AppError

/** All at once; those that include others, and all of them should that fail for a reason that nobody expected, one by one. */
async function createAll(read: readonly Read<Create>[], { gates, tx, ctx, unexpected }: Work): Promise<Read<Done>[]> {
  const inputs = read.flatMap((one, i) => (isAppError(one) ? [] : [{ i, input: one }]))
  const together = () =>
    createMany(gates)(
      inputs.map(({ input }) => input),
      tx,
      ctx,
    )
  const made = await attempt(tx, together, unexpected)
  const done: (Read<Done> | undefined)[] = read.map((one) => (isAppError(one) ? one : undefined))
  for (const [n, { i, input }] of inputs.entries())
    done[i] = (isAppError(made) ? undefined : made[n]) ?? (await attempt(tx, () => createPrompt(gates)(input, ctx), unexpected))
  return done as Read<Done>[]
}

async function eachOf(operation: Operation, read: readonly Read<Named>[], { gates, tx, ctx, unexpected }: Work): Promise<Read<Done>[]> {
  const ids = read.flatMap((one) => (isAppError(one) ? [] : [one.id]))
  const tags = new Map(await lockTags(tx, ids))
  const change: Record<'update' | 'delete' | 'tag', (item: Named) => Promise<Done>> = {
    update: (item) => changePrompt(gates)({ id: item.id, change: item as Update, sent: item }, ctx),
    async delete({ id, force = operation.options.force }) {
      await deletePrompt(gates)({ id, force }, ctx)
      return { id, version: null }
    },
    async tag({ id }) {
      const next = changedTags(tags.get(id) ?? [], operation.options)
      const done = await changePrompt(gates)({ id, change: { tags: next } }, ctx)
      tags.set(id, next)
      return done
    },
  }
  const apply = change[operation.kind as 'update' | 'delete' | 'tag']
  const done: Read<Done>[] = []
  for (const item of read) done.push(isAppError(item) ? item : await attempt(tx, () => apply(item), unexpected))
  return done
}

function settled<T>(work: () => T): Read<T> {
  try {
    return work()
  } catch (error) {
    if (isAppError(error)) return error
    throw error
  }
}
