import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { between } from '../../../core/events.ts'
import { type DetectableEffect, detectable } from '../model/detectable.ts'
import { draftOf } from '../model/draft.ts'
import { testCreated } from '../model/events.ts'
import { control, type Experiment } from '../model/experiment.ts'
import type { NewExperiment } from '../model/shapes.ts'
import { experimentStore } from '../store/experiments.ts'
import { aboutOf } from './open.ts'
import { checkTargeting, type TestParts } from './parts.ts'
import { assertPrompts } from './pin.ts'
import { startWithin } from './run-test.ts'

/**
 * Draft a test, and with `start` run it.
 * @returns it, with the effect that the traffic seen so far would show
 * @throws PromptNotFound, VersionNotFound, LabelNotFound (404), ABTestInvalid, ExpressionInvalid (422), NamespaceTaken, LabelTaken (409)
 */
export const createTest =
  (parts: TestParts) =>
  async (input: NewExperiment, ctx: Ctx): Promise<Experiment & { minimumDetectableEffect: DetectableEffect | null }> => {
    await checkTargeting(parts, input.targeting)
    const test = await ctx.transact(async (tx) => {
      const draft = draftOf(input, { id: ctx.newId(), seed: ctx.newId(), by: ctx.actor.id, at: ctx.now() })
      const prompts = await assertPrompts(tx, ctx, draft)
      const { category } = prompts.get(control(draft).promptId)!
      assertMay(ctx.actor, 'abtests:write', { category })
      const about = aboutOf(draft, category)
      await experimentStore(tx).add(draft)
      await ctx.emit(tx, between(null, draft, [testCreated(draft.id, about)]))
      return input.start ? startWithin(tx, ctx, { test: draft, about }) : draft
    })
    const traffic = await parts.traffic(control(test).promptId, test.metric.primary, ctx)
    return { ...test, minimumDetectableEffect: traffic ? detectable(test, traffic) : null }
  }
