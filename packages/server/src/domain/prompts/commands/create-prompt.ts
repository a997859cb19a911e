import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { NameTaken, VersionNotFound } from '../model/failures.ts'
import { deriveName, nthName } from '../model/names.ts'
import { createPrompt as create, type NewPrompt, type Outcome } from '../model/prompt.ts'
import type { Prompt } from '../model/shapes.ts'
import { mayInclude } from '../model/content.ts'
import { includeStore } from '../store/include-store.ts'
import { promptStore } from '../store/prompt-store.ts'
import { addParts, byOf, replyOf, resolveIncludes } from './apply.ts'

export type CreatePrompt = NewPrompt & Readonly<{ name?: string | undefined }>

/** Create a prompt with its first version. @throws NameTaken (409) when the name was given and is not free */
export const createPrompt = (input: CreatePrompt, ctx: Ctx): Promise<Prompt> => ctx.transact((tx) => createWithin(tx, input, null, ctx))

export type ForkPrompt = Readonly<{
  id: string
  name: string
  category?: string | undefined
  description?: string | undefined
  version?: number | undefined
  changes?: Partial<NewPrompt> | undefined
}>

/** Copy a version (the newest, unless told) into a prompt of its own that knows its parent. */
export const forkPrompt = ({ id, version, changes, ...names }: ForkPrompt, ctx: Ctx): Promise<Prompt> =>
  ctx.transact(async (tx) => {
    const store = promptStore(tx)
    const origin = await store.lock(id)
    const { body, version: number } = await store.version(id, version ?? origin.version)
    const { type: _type, ...copied } = body
    const variables = changes?.content === undefined ? copied.variables : undefined
    const input: CreatePrompt = {
      ...copied,
      variables,
      category: origin.category,
      description: origin.description,
      tags: origin.tags,
      metadata: origin.metadata,
      isTemplate: origin.isTemplate,
      ...changes,
      ...Object.fromEntries(Object.entries(names).filter(([, value]) => value !== undefined)),
    }
    return createWithin(tx, input, { promptId: id, version: number }, ctx)
  })

async function createWithin(tx: Db, input: CreatePrompt, parent: Prompt['parent'], ctx: Ctx): Promise<Prompt> {
  if (mayInclude(input.content)) await includeStore(tx).lockGraph(ctx.workspaceId)
  const outcome = await addUnderFreeName(tx, input, parent, ctx)
  const edges = await resolveIncludes(tx, outcome.next, 1, outcome.includes ?? [])
  await promptStore(tx).forgetFormerName(outcome.next)
  await addParts(tx, outcome, edges, byOf(ctx))
  await ctx.emit(tx, outcome.events)
  return replyOf(outcome, outcome.version ?? unreachable())
}

/** A given name must be free; a derived one is numbered until it is. */
async function addUnderFreeName(tx: Db, input: CreatePrompt, parent: Prompt['parent'], ctx: Ctx): Promise<Outcome> {
  const id = ctx.newId()
  const base = input.name ?? deriveName(input.content)
  for (let n = 1; ; n++) {
    const name = n <= 20 ? nthName(base, n) : `${base.slice(0, 160)} ${id}`
    const outcome = create(input, { id, name, parent }, byOf(ctx))
    if (await promptStore(tx).add(outcome.next)) return outcome
    if (input.name !== undefined) throw new AppError(NameTaken, `"${outcome.next.category}/${name}" exists already. Choose another name, or change that prompt by PUT.`)
  }
}

function unreachable(): never {
  throw new AppError(VersionNotFound, 'A new prompt has a version.')
}
