import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { testDeleted, testPaused, testResumed, testStarted } from '../model/events.ts'
import { type Experiment, mostRunning } from '../model/experiment.ts'
import { ABTestState, LabelTaken } from '../model/failures.ts'
import { assertFree, assertIn, started } from '../model/life.ts'
import { experimentStore } from '../store/experiments.ts'
import { keep, type Opened, openTest } from './open.ts'
import { pinned } from './pin.ts'

type Which = Readonly<{ id: string; ifMatch?: readonly string[] | undefined }>

/** Let a draft run, its versions pinned, or go on with a test that pauses. @throws ABTestNotFound (404), ABTestState, NamespaceTaken, LabelTaken (409), and what pinning throws */
export const startTest = ({ id, ifMatch }: Which, ctx: Ctx): Promise<Experiment> =>
  ctx.transact(async (tx) => {
    const opened = await openTest(tx, ctx, id)
    assertIfMatch(ifMatch, String(opened.test.revision))
    return startWithin(tx, ctx, opened)
  })

export async function startWithin(tx: Db, ctx: Ctx, { test, about }: Opened): Promise<Experiment> {
  assertIn(test, ['draft', 'paused'], 'started')
  if ((await experimentStore(tx).running()) >= mostRunning)
    throw new AppError(ABTestState, `${mostRunning.toLocaleString('en')} tests run, more cannot at a time. End or pause one first.`)
  if (test.status === 'paused') return keep(tx, ctx, test, { ...test, status: 'running' }, [testResumed(test.id, about)])
  if (test.namespace) assertFree(test.namespace, await experimentStore(tx).slots(ctx.workspaceId, test.namespace.name, test.id))
  if (test.overlayLabel !== null) await assertLabelFree(tx, test)
  const next = started(test, await pinned(tx, ctx, test), ctx.now())
  return keep(tx, ctx, test, next, [testStarted(test.id, { ...about, variants: test.variants.map(({ key }) => key) })])
}

/** One test at a time on a label of a prompt. @throws LabelTaken (409) */
async function assertLabelFree(tx: Db, test: Experiment): Promise<void> {
  const other = await experimentStore(tx).onLabel(test)
  if (other === undefined) return
  throw new AppError(
    LabelTaken,
    `The test ${other} runs on the label "${test.overlayLabel}" of that prompt. End it first, or take another label.`,
    {
      members: { testId: other },
    },
  )
}

/** Everybody sees the control until it goes on; the part of its namespace stays its own. @throws ABTestNotFound (404), ABTestState (409) */
export const pauseTest = ({ id, ifMatch }: Which, ctx: Ctx): Promise<Experiment> =>
  ctx.transact(async (tx) => {
    const { test, about } = await openTest(tx, ctx, id)
    assertIfMatch(ifMatch, String(test.revision))
    assertIn(test, ['running'], 'paused')
    return keep(tx, ctx, test, { ...test, status: 'paused' }, [testPaused(id, about)])
  })

/** Throw a draft away. @throws ABTestNotFound (404), ABTestState (409) for a test that has started: end it */
export const deleteTest = ({ id, ifMatch }: Which, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const { test, about } = await openTest(tx, ctx, id)
    assertIfMatch(ifMatch, String(test.revision))
    assertIn(test, ['draft'], 'deleted')
    await experimentStore(tx).remove(id)
    await ctx.emit(tx, between(test, null, [testDeleted(id, about)]))
  })
