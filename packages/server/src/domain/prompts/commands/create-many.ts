import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type AppError, isAppError } from '../../../core/errors.ts'
import { between, type DomainEvent } from '../../../core/events.ts'
import { type MadeBody, makeBody } from '../model/content.ts'
import { type Gates, labelsAtFirst } from '../model/gates.ts'
import { deriveName } from '../model/names.ts'
import { type By, createPrompt as create, defaultCategory } from '../model/prompt.ts'
import { addPrompts } from '../store/add-prompts.ts'
import { byOf } from './apply.ts'
import { type CreatePrompt, firstJudged, nameTaken, nameToTry } from './create-prompt.ts'

/** What became of one of many: it was made, or refused for a reason; undefined: it includes others and was left to `createPrompt`. */
export type Made = Readonly<{ id: string; version: number }> | AppError | undefined

/** One that is on its way. `tries` counts the names that were not free. */
type Planned = { index: number; id: string; input: CreatePrompt; made: MadeBody; base: string; tries: number }
type Outcome = ReturnType<typeof create>
type Proposed = Readonly<{ planned: Planned; outcome: Outcome }>

/**
 * Create many prompts as `createPrompt` creates one, in a few statements for all of them. Of two that want the same name
 * the first has it. What is refused leaves nothing behind.
 * @param tx the caller's transaction
 * @returns what became of each, in the order of the inputs
 */
export const createMany =
  (gates: Gates) =>
  async (inputs: readonly CreatePrompt[], tx: Db, ctx: Ctx): Promise<Made[]> => {
    const result: Made[] = inputs.map(() => undefined)
    const by = byOf(ctx)
    const events: DomainEvent[] = []
    const claimed = new Set<string>()
    let waiting = await planAll(gates, inputs, tx, ctx, result)
    while (waiting.length > 0) {
      const proposed = waiting.flatMap((planned) => propose(planned, claimed, by, result))
      const added = await addPrompts(
        tx,
        proposed.map(({ outcome }) => outcome),
        by,
      )
      waiting = []
      for (const { planned, outcome } of proposed)
        if (added.has(planned.id)) {
          result[planned.index] = { id: planned.id, version: 1 }
          events.push(...between(null, outcome.next, outcome.events))
        } else if (planned.input.name !== undefined) result[planned.index] = nameTaken(outcome.next)
        else waiting.push(planned)
    }
    await ctx.emit(tx, events)
    return result
  }

/** All that can be said of each without its name: rights, labels, the body. */
async function planAll(gates: Gates, inputs: readonly CreatePrompt[], tx: Db, ctx: Ctx, result: Made[]): Promise<Planned[]> {
  const planned: Planned[] = []
  for (const [index, given] of inputs.entries())
    try {
      assertMay(ctx.actor, 'prompts:write', { category: given.category ?? defaultCategory })
      const made = makeBody(given)
      if (made.includes.length > 0) continue
      const id = ctx.newId()
      const input = { ...given, labels: await labelsAtFirst(gates, tx, ctx, { ...given, id, judged: firstJudged(made, ctx) }) }
      planned.push({ index, id, input, made, base: input.name ?? deriveName(made.body.content), tries: 0 })
    } catch (error) {
      result[index] = expected(error)
    }
  return planned
}

/** The prompt under the next name that none of the others wants; nothing when that is none. */
function propose(planned: Planned, claimed: Set<string>, by: By, result: Made[]): Proposed[] {
  const { index, id, input, made, base } = planned
  const category = input.category ?? defaultCategory
  const keyOf = (name: string) => `${category}\n${name}`
  let name = nameToTry(base, ++planned.tries, id)
  if (input.name === undefined) while (claimed.has(keyOf(name))) name = nameToTry(base, ++planned.tries, id)
  try {
    if (claimed.has(keyOf(name))) throw nameTaken({ category, name })
    const outcome = create(input, { ...made, id, name, parent: null }, by)
    claimed.add(keyOf(name))
    return [{ planned, outcome }]
  } catch (error) {
    result[index] = expected(error)
    return []
  }
}

function expected(error: unknown): AppError {
  if (isAppError(error) && error.kind.status < 500) return error
  throw error
}
