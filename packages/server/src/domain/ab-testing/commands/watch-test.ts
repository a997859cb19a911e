import type { Acting } from '../../../core/acting.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { isAppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { joined } from '../../../core/joined.ts'
import { type Ending, endingOf, newWeights } from '../model/decisions.ts'
import { control, type Experiment } from '../model/experiment.ts'
import { lossOf, obstacleOf } from '../model/promotion.ts'
import { type Analysed, analysed, armsOf, type Figures } from '../model/results.ts'
import { guardrailCrossed, sampleRatioAlarmed, testDecided, weightsFollowed } from '../model/watch-events.ts'
import { crossing, sentence } from '../model/wording.ts'
import { promptsOf } from '../store/prompts.ts'
import { noteAlarm, type Running } from '../store/watch.ts'

export type EndBy = Readonly<{
  id: string
  winner: string | null
  /** Left out: the test's own label comes to stand on the winner. */
  promoteTo?: null
  reason: string
  evidence: Readonly<Record<string, unknown>>
  action: string
  promoteAs?: Ctx | undefined
}>

/** What a watch needs of the life of tests. */
export type Watching = Readonly<{
  /** A running test, its row locked; undefined when it does not run any more. */
  lock(tx: Db, id: string): Promise<Readonly<{ test: Experiment; category: string }> | undefined>
  figures(db: Db, test: Experiment): Promise<Figures>
  /** End a test, its decision kept. @throws whatever moving a label throws */
  end(input: EndBy, ctx: Ctx): Promise<unknown>
  reweigh(input: Readonly<{ id: string; weights: readonly number[] }>, ctx: Ctx): Promise<unknown>
}> &
  Acting

const origin = (id: string) => ({ requestId: `ab-test:${id}` })

/**
 * Look at a running test once: tell that its split is wrong, end it, or share its traffic out in another way, each in one
 * transaction that holds the test. A test that has ended is left alone, so a decision is made once.
 */
export async function watchTest(running: Running, watching: Watching): Promise<void> {
  const { workspaceId, id } = running
  const system = watching.contextFor({ id: 'experiments', workspaceId, permissions: new Set(['*']), instanceAdmin: false }, origin(id))
  const promoter = await promoterOf(running, watching, system)
  const failed = await look(running, watching, system, promoter).catch((error) => {
    if (!promoter || !isAppError(error) || error.kind.status >= 500) throw error
    return obstacleOf(error)
  })
  // Who made the test may not move the label (any more): then it ends all the same, and says why nothing was moved.
  if (failed !== undefined) await look(running, watching, system, undefined, failed)
}

/** Whom the label of a winner is moved for: who made the test, with the rights of today. */
async function promoterOf(
  { workspaceId, id, createdBy }: Running,
  { presence, contextFor }: Watching,
  system: Ctx,
): Promise<Ctx | undefined> {
  const principal = (await presence([createdBy], system)).get(createdBy)
  return principal && contextFor({ ...principal, workspaceId }, origin(id))
}

async function look({ id }: Running, watching: Watching, system: Ctx, promoter: Ctx | undefined, obstacle?: string): Promise<undefined> {
  await system.transact(async (tx) => {
    const locked = await watching.lock(tx, id)
    if (!locked) return
    const { test, category } = locked
    const figures = await watching.figures(tx, test)
    const [found, arms, now] = [analysed(test, figures), armsOf(test, figures), system.now()]
    const about = { name: test.name, category }
    if (found.sampleRatio.alarm && (await noteAlarm(tx, id, now)))
      await system.emit(tx, between(test, test, [sampleRatioAlarmed(id, { ...about, pValue: found.sampleRatio.pValue })]))
    const ending = endingOf(test, found, arms, now)
    if (ending) return endIt(tx, { test, about, ending, found, obstacle }, watching, system, promoter)
    const weights = newWeights(test, found, arms, now)
    if (!weights) return
    await watching.reweigh({ id, weights }, joined(system, tx))
    await system.emit(tx, [weightsFollowed(id, { ...about, weights, allocation: test.allocation })])
  })
  return undefined
}

type Found = Readonly<{
  test: Experiment
  about: { name: string; category: string }
  ending: Ending
  found: Analysed
  obstacle: string | undefined
}>

async function endIt(
  tx: Db,
  { test, about, ending, found, obstacle }: Found,
  { end }: Watching,
  system: Ctx,
  promoter: Ctx | undefined,
): Promise<void> {
  const { id } = test
  const { cause, winner, evidence } = ending
  const wanted = ending.promote && winner !== null && test.overlayLabel !== null
  const promoted = wanted && promoter !== undefined
  const hindrance = wanted && !promoted ? (obstacle ?? 'Who made the test is not there any more.') : undefined
  const told = [
    ending.reason,
    ...(hindrance ? [`The label ${test.overlayLabel} was not moved, and is yours to move: ${hindrance}`] : []),
    ...(await lossesOf(tx, test, winner)).filter((loss) => loss !== hindrance),
  ]
  const reason = told.join(' ')
  const action = cause === 'decided' ? (promoted ? 'promote' : 'end') : cause
  const input = { id, winner, reason, evidence, action, ...(promoted ? { promoteAs: promoter } : { promoteTo: null }) }
  await end(input, joined(system, tx))
  const crossed = found.guardrails.filter(({ state }) => state === 'crossed')
  await system.emit(tx, [
    ...crossed.map((rail) =>
      guardrailCrossed(id, {
        ...about,
        variant: rail.variant,
        metric: rail.metric,
        maxRegression: rail.maxRegression,
        regression: rail.regression ?? 0,
        reason: sentence(crossing(rail)),
      }),
    ),
    testDecided(id, { ...about, cause, winner, promoted, reason }),
  ])
}

/** What has become of the prompts of the winner and of the control, which everybody is served from now on. */
async function lossesOf(tx: Db, test: Experiment, winner: string | null): Promise<string[]> {
  const prompts = await promptsOf(tx, test)
  const concerned = test.variants.filter((variant) => variant.key === winner || variant === control(test))
  return concerned.map((variant) => lossOf(variant, prompts)).filter((loss) => loss !== undefined)
}
