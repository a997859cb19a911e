import { isDeepStrictEqual } from 'node:util'
import type { Ctx } from '../../../core/context.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { assertSentBack } from '../../../core/sent-back.ts'
import { changedDraft, completed } from '../model/draft.ts'
import { testUpdated } from '../model/events.ts'
import type { Experiment } from '../model/experiment.ts'
import { assertIn, changedRunning, sharedOut } from '../model/life.ts'
import { type ChangedVariants, type ChangeExperiment, readOnly } from '../model/shapes.ts'
import { aboutOf, keep, openTest, phaseTold } from './open.ts'
import { checkTargeting, type TestParts } from './parts.ts'
import { assertPrompts } from './pin.ts'

export type ChangeTest = Readonly<{
  id: string
  body: Omit<ChangeExperiment, 'variants'> & Readonly<{ variants?: ChangedVariants; [name: string]: unknown }>
  ifMatch?: readonly string[] | undefined
}>

/**
 * Change a draft in everything, and a test that has started in coverage, weights, name and hypothesis.
 * @throws ABTestNotFound, PromptNotFound, VersionNotFound (404), ABTestState, ABTestFixed (409), PreconditionFailed (412), ABTestInvalid, FieldReadOnly, ExpressionInvalid (422)
 */
export const changeTest =
  (parts: TestParts) =>
  async ({ id, body, ifMatch }: ChangeTest, ctx: Ctx): Promise<Experiment> => {
    await checkTargeting(parts, body.targeting)
    return ctx.transact(async (tx) => {
      const { test, about } = await openTest(tx, ctx, id)
      assertIfMatch(ifMatch, String(test.revision))
      await assertSentBack(async () => test, body, readOnly)
      assertIn(test, ['draft', 'running', 'paused'], 'changed')
      const change = Object.fromEntries(
        Object.entries(body).filter(([name]) => !(readOnly as readonly string[]).includes(name)),
      ) as ChangeExperiment
      if (body.variants) change.variants = completed(test.variants, body.variants)
      const next = test.status === 'draft' ? changedDraft(test, change) : changedRunning(test, change, ctx.now())
      const fields = (Object.keys(next) as (keyof Experiment)[]).filter(
        (name) => name !== 'phases' && name !== 'ranges' && !isDeepStrictEqual(next[name], test[name]),
      )
      if (fields.length === 0) return test
      const prompts = test.status === 'draft' ? await assertPrompts(tx, ctx, next) : undefined
      const told = aboutOf(next, prompts?.get(next.variants[0]!.promptId)?.category ?? about.category)
      return keep(tx, ctx, test, next, [testUpdated(id, { ...told, fields }), ...phaseTold(test, next, told)])
    })
  }

export type Reweigh = Readonly<{ id: string; weights: readonly number[] }>

/**
 * Share the traffic of a running test out in another way, as its allocation says. Nothing when it is not running (any more).
 * @param weights in the order of the variants, in any unit. @returns the test as it is then
 */
export const reweigh = ({ id, weights }: Reweigh, ctx: Ctx): Promise<Experiment> =>
  ctx.transact(async (tx) => {
    const { test, about } = await openTest(tx, ctx, id)
    if (test.status !== 'running') return test
    const next = sharedOut(test, { weights }, ctx.now())
    return next === test ? test : keep(tx, ctx, test, next, phaseTold(test, next, about))
  })
