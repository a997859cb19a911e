import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { type BodyChange, changeBody } from '../model/change.ts'
import { bodyChecksum } from '../model/checksum.ts'
import { type BodyInput, type MadeBody, makeBody } from '../model/content.ts'
import { includesChanged } from '../model/events.ts'
import { NameTaken } from '../model/failures.ts'
import { assertVisible, type Gates, type Judged, labelsAtFirst } from '../model/gates.ts'
import type { Edge } from '../model/includes.ts'
import { deriveName, nthName } from '../model/names.ts'
import { called, createPrompt as create, defaultCategory, type NewPrompt } from '../model/prompt.ts'
import type { BreakGlass, Prompt } from '../model/shapes.ts'
import { promptView } from '../model/view.ts'
import { addPrompt } from '../store/add-prompt.ts'
import { includeStore } from '../store/include-store.ts'
import { promptStore } from '../store/prompt-store.ts'
import { byOf } from './apply.ts'
import { includeByText } from './includes.ts'

export type CreatePrompt = NewPrompt & BodyInput & Readonly<{ name?: string | undefined }>

/** Create a prompt with its first version. @throws NameTaken (409) when the name was given and is not free */
export const createPrompt =
  (gates: Gates) =>
  (input: CreatePrompt, ctx: Ctx): Promise<Prompt> =>
    ctx.transact((tx) => createWithin(tx, input, { made: makeBody(input), parent: null, includes: [], gates }, ctx))

export type ForkPrompt = Readonly<{
  id: string
  name: string
  category?: string | undefined
  description?: string | undefined
  version?: number | undefined
  changes?: (NewPrompt & BodyChange) | undefined
  breakGlass?: BreakGlass | undefined
}>

/** Copy a version (the newest, unless told) into a prompt of its own that knows its parent. */
export const forkPrompt =
  (gates: Gates) =>
  ({ id, version, changes = {}, ...naming }: ForkPrompt, ctx: Ctx): Promise<Prompt> =>
    ctx.transact(async (tx) => {
      const store = promptStore(tx)
      const { category, description, tags, metadata, isTemplate, version: newest } = await store.get(id)
      assertVisible(ctx.actor, { id, category })
      const { body, version: number } = await store.version(id, version ?? newest)
      const input = { category, description, tags, metadata, isTemplate, ...present(changes), ...present(naming) }
      const includes = await includeStore(tx).edges(id, number)
      return createWithin(tx, input, { made: changeBody(body, changes), parent: { promptId: id, version: number }, includes, gates }, ctx)
    })

const present = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T

/** What a new prompt is made of: its body, and what it was forked from with what that included. */
type Source = Readonly<{ made: MadeBody; parent: Prompt['parent']; includes: readonly Edge[]; gates: Gates }>
type Named = NewPrompt & Readonly<{ name?: string | undefined }>

/** A first version that is yet to be stored, for those who judge it. */
export const firstJudged =
  ({ body }: MadeBody, { actor }: Ctx): (() => Promise<Judged>) =>
  async () => ({ version: 1, body, checksum: bodyChecksum(body), createdBy: actor.id })

async function createWithin(tx: Db, named: Named, source: Source, ctx: Ctx): Promise<Prompt> {
  assertMay(ctx.actor, 'prompts:write', { category: named.category ?? defaultCategory })
  const id = ctx.newId()
  const labels = await labelsAtFirst(source.gates, tx, ctx, { ...named, id, judged: firstJudged(source.made, ctx) })
  const input = { ...named, labels }
  const { next, version, events, warnings } = await addUnderFreeName(tx, id, input, source, ctx)
  await ctx.emit(tx, between(null, next, events))
  await includeByText(tx, ctx, next, source.made.includes, source.includes)
  if (source.made.includes.length > 0) await ctx.emit(tx, [includesChanged(next.id, called(next))])
  return promptView(next, version, warnings)
}

/** The n-th name to try: a derived one is numbered, and at last made of its id. */
export const nameToTry = (base: string, n: number, id: string): string => (n <= 20 ? nthName(base, n) : `${base} ${id}`)

export const nameTaken = ({ category, name }: Readonly<{ category: string; name: string }>): AppError =>
  new AppError(NameTaken, `"${category}/${name}" exists already. Choose another name, or change that prompt by PUT.`)

/** A given name must be free; a derived one is numbered until it is. */
async function addUnderFreeName(tx: Db, id: string, input: Named, { made, parent }: Source, ctx: Ctx): Promise<ReturnType<typeof create>> {
  const by = byOf(ctx)
  const base = input.name ?? deriveName(made.body.content)
  for (let n = 1; ; n++) {
    const name = nameToTry(base, n, id)
    const outcome = create(input, { ...made, id, name, parent }, by)
    if (await addPrompt(tx, outcome.next, outcome.version, outcome.moves ?? [], by)) return outcome
    if (input.name !== undefined) throw nameTaken(outcome.next)
  }
}
