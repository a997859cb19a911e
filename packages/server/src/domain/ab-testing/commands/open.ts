import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { between, type DomainEvent } from '../../../core/events.ts'
import { promptFacts } from '../../prompts/index.ts'
import { mayTouch } from '../model/access.ts'
import { type About, phaseOpened } from '../model/events.ts'
import { control, currentPhase, type Experiment } from '../model/experiment.ts'
import { notThere } from '../model/failures.ts'
import { experimentStore } from '../store/experiments.ts'

/** A test in a command: its row locked, and what its events say of it. */
export type Opened = Readonly<{ test: Experiment; about: About }>

export const aboutOf = ({ name, variants }: Pick<Experiment, 'name' | 'variants'>, category: string): About => ({
  category,
  name,
  promptId: control({ variants }).promptId,
})

/** @throws ABTestNotFound, also for a test that is not for the caller to change */
export async function openTest(tx: Db, ctx: Ctx, id: string): Promise<Opened> {
  const test = await experimentStore(tx).lock(id)
  const category = await categoryOfTest(tx, test)
  if (!mayTouch(ctx.actor, 'abtests:write', category)) throw notThere(id)
  return { test, about: aboutOf(test, category) }
}

/** A test that runs, its row locked, with the category of its control's prompt; undefined when it does not run (any more). */
export async function lockRunning(tx: Db, id: string): Promise<{ test: Experiment; category: string } | undefined> {
  const test = await experimentStore(tx).lock(id)
  return test.status === 'running' ? { test, category: await categoryOfTest(tx, test) } : undefined
}

/** Of the control's prompt, a deleted one too; prompts are never gone for good. */
async function categoryOfTest(db: Db, test: Experiment): Promise<string> {
  const [facts] = await promptFacts(db, [control(test).promptId])
  return facts?.category ?? ''
}

/** Store what has become of a test, and tell it. @returns the next revision, or the test as it is when nothing changed */
export async function keep(tx: Db, ctx: Ctx, before: Experiment, after: Experiment, events: readonly DomainEvent[]): Promise<Experiment> {
  const next = { ...after, revision: before.revision + 1, updatedAt: ctx.now() }
  await experimentStore(tx).save(next)
  await ctx.emit(tx, between(before, next, events))
  return next
}

/** Told when traffic is shared out in another way than before. */
export function phaseTold(before: Experiment, after: Experiment, about: About): DomainEvent[] {
  const phase = currentPhase(after)
  if (!phase || phase.n === currentPhase(before)?.n) return []
  return [phaseOpened(after.id, { ...about, phase: phase.n, coverage: phase.coverage, weights: [...phase.weights] })]
}
