import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { joined } from '../../../core/joined.ts'
import { findVersion } from '../../prompts/index.ts'
import { evidenceOf } from '../model/decisions.ts'
import { testEnded } from '../model/events.ts'
import { control, type Experiment } from '../model/experiment.ts'
import { ABTestState, invalid } from '../model/failures.ts'
import { assertIn, ended } from '../model/life.ts'
import { promotable, unreadable } from '../model/promotion.ts'
import { analysed } from '../model/results.ts'
import { promptsOf } from '../store/prompts.ts'
import { keep, openTest } from './open.ts'
import type { TestParts } from './parts.ts'
import { mayRead } from './pin.ts'

export type EndTest = Readonly<{
  id: string
  winner?: string | null | undefined
  /** The label of the control's prompt that comes to stand on what the winner serves; the test's own label where nothing is said, null for none. */
  promoteTo?: string | null | undefined
  reason?: string | undefined
  /** The analysis that the decision rests on; where a person decides, it is made now. */
  evidence?: Readonly<Record<string, unknown>> | undefined
  /** What was decided, where that is not `end` or `promote`, such as `guardrail`. */
  action?: string | undefined
  /** Whom the label is moved for, where that is not who ends the test. */
  promoteAs?: Ctx | undefined
  ifMatch?: readonly string[] | undefined
}>

/**
 * End a test for good, and with `promoteTo` let the winner be served: by the same gate as any label move. Who has decided,
 * and why, stays as it is.
 * @throws ABTestNotFound (404), ABTestState (409) for a draft and for one that has ended, ABTestInvalid (422), PromotionHindered (409); and what moving a label throws
 */
export const endTest =
  (parts: Pick<TestParts, 'setLabel' | 'changePrompt' | 'figures'>) =>
  ({ id, winner = null, promoteTo: asked, reason, evidence, action, promoteAs, ifMatch }: EndTest, ctx: Ctx): Promise<Experiment> =>
    ctx.transact(async (tx) => {
      const { test, about } = await openTest(tx, ctx, id)
      assertNotEnded(test)
      assertIfMatch(ifMatch, String(test.revision))
      assertIn(test, ['running', 'paused'], 'ended')
      const promoteTo = asked === undefined && winner !== null ? test.overlayLabel : (asked ?? null)
      if (promoteTo !== null && winner === null)
        throw invalid('/winner', `To promote to "${promoteTo}" a winner is needed. Name one, or leave promoteTo out.`)
      const decision = {
        action: action ?? (promoteTo === null ? 'end' : 'promote'),
        winner,
        reason: reason ?? null,
        evidence: evidence ?? evidenceOf(analysed(test, await parts.figures(tx, test))),
        at: ctx.now(),
        by: ctx.actor.id,
      }
      const next = ended(test, decision)
      if (promoteTo !== null) await promote(tx, promoteAs ?? ctx, parts, next, { label: promoteTo, own: asked === undefined })
      return keep(tx, ctx, test, next, [testEnded(id, { ...about, winner, action: decision.action, reason: decision.reason })])
    })

/** A decision is taken once. @throws ABTestState (409) with the one that there is */
function assertNotEnded({ status, decision }: Experiment): void {
  if (status !== 'completed') return
  const told = decision?.winner ? `with the winner "${decision.winner}"` : 'without a winner'
  throw new AppError(ABTestState, `The test has ended, ${told}, on ${decision?.at}. What was decided stays.`, {
    members: { status, decision },
  })
}

type Promotion = Readonly<{ label: string; own: boolean }>

/** Let a label of the control's prompt stand on what the winner serves: a version of another prompt is copied there first. */
async function promote(
  tx: Db,
  ctx: Ctx,
  { setLabel, changePrompt }: Pick<TestParts, 'setLabel' | 'changePrompt'>,
  test: Experiment,
  { label, own }: Promotion,
) {
  const inside = joined(ctx, tx)
  const winner = test.variants.find(({ key }) => key === test.winner)!
  const prompts = await promptsOf(tx, test)
  if (!mayRead(ctx, prompts.get(winner.promptId)!)) throw unreadable(winner.key)
  const expectedVersion = promotable(test, winner, label, own, prompts)
  const { promptId: id } = control(test)
  const reason = `Winner "${winner.key}" of the test "${test.name}"`.slice(0, 200)
  let version = winner.version!
  if (winner.promptId !== id) {
    const { body } = await findVersion(tx, winner.promptId, version)
    const parent = { promptId: winner.promptId, version }
    const made = await changePrompt(
      { id, change: { ...body, changeSummary: reason, versionMetadata: { parent, testId: test.id } } },
      inside,
    )
    version = made.version
  }
  await setLabel({ id, label, version, expectedVersion, reason }, inside)
}
