import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type AppError, isAppError } from '../../../core/errors.ts'
import { prefix } from '../../../core/http/mount.ts'
import { joined } from '../../../core/joined.ts'
import { PreconditionFailed, problemOf } from '../../../core/problem.ts'
import { type ExaminedPrompt, PromptNotFound } from '../../prompts/index.ts'
import { automationNotified } from '../model/automations-failures.ts'
import { isApplicable, type OutcomeKind, versionFor } from '../model/automations-runs.ts'
import { runStore } from '../store/automation-runs.ts'
import { type Judged, judge } from './automations-examine.ts'
import { Superseded, type Work } from './automations-parts.ts'
import { movePrompt } from './move-prompt.ts'

const dayMs = 86_400_000

/** A dry run does everything and then takes it back. */
class TakenBack extends Error {}

type Settled = Readonly<{ outcome: OutcomeKind; problem?: object }>
const skipped = (detail: string): Settled => ({ outcome: 'skipped', problem: { code: 'automation.no_match', detail } })

/** Do with a prompt what the rule says, in the transaction that is open. The prompt must be as it was when it was judged. */
async function perform({ run, parts }: Work, prompt: ExaminedPrompt, tx: Db, act: Ctx): Promise<void> {
  const { id, category, name } = prompt
  const { action, name: automation } = run.rule
  const ctx = joined(act, tx)
  const ifMatch = [String(prompt.revision)]
  if (action.kind === 'notify') {
    const told = { automation, runId: run.id, message: action.message, promptId: id, category, name }
    return ctx.emit(tx, [automationNotified(run.automationId ?? run.id, told)])
  }
  const reason = action.reason ?? `By the automation "${automation}"`
  if (action.kind === 'move_status') {
    const { status, sunsetInDays } = action
    const sunsetAt = sunsetInDays === undefined ? {} : { sunsetAt: new Date(Date.parse(ctx.now()) + sunsetInDays * dayMs).toISOString() }
    await movePrompt(parts.policies)({ id, status, reason, ifMatch, ...sunsetAt }, ctx)
  } else if (action.kind === 'move_label') {
    const version = versionFor(action.to, prompt)!
    await parts.setLabel({ id, label: action.label, version, reason, ifMatch }, ctx)
  } else await parts.revertLabel({ id, label: action.label, reason, ifMatch }, ctx)
}

/**
 * The change and the record of it, in one transaction: done once, whoever else works on the run.
 * @throws Superseded; what the change throws, and then nothing of it has happened
 */
const applyOnce = (work: Work, prompt: ExaminedPrompt, act: Ctx): Promise<void> =>
  act.transact(async (tx) => {
    const store = runStore(tx)
    if (!(await store.holds(work.run.id, work.claim))) throw new Superseded()
    await perform(work, prompt, tx, act)
    if (work.run.trigger === 'dry_run') throw new TakenBack()
    if (!(await store.settle(work.run.id, prompt.id, 'applied', null, act.now()))) throw new Superseded()
    await store.progressed(work.run.id, act.now())
  })

/** What a refusal means to the run. @throws the error when it says nothing of the prompt: the job is tried again */
function settledBy(error: unknown, act: Ctx): Settled {
  if (error instanceof TakenBack) return { outcome: 'would_apply' }
  if (!isAppError(error) || error.kind.status >= 500) throw error
  const problem = problemOf(error, { instance: `${prefix}/lifecycle/automations`, requestId: act.requestId })
  return { outcome: meaningOf(error), problem }
}

function meaningOf({ kind }: AppError): OutcomeKind {
  if (kind === PromptNotFound || kind === PreconditionFailed) return 'skipped'
  return kind.status === 403 || kind.status === 409 ? 'blocked' : 'failed'
}

/** What becomes of a prompt that was found; undefined: it is done and written down. */
async function attempt(work: Work, id: string, judged: Judged | undefined, act: Ctx): Promise<Settled | undefined> {
  if (!judged) return skipped(`The prompt ${id} is gone, or does not belong to the rule any more.`)
  const { prompt, matches, error } = judged
  if (error) return { outcome: 'failed', problem: { code: `automation.condition_${error.failed}`, detail: error.detail } }
  if (!matches || !isApplicable(work.run.rule.action, prompt))
    return skipped('The condition is not true any more, or there is nothing to do.')
  try {
    await applyOnce(work, prompt, act)
    return undefined
  } catch (refusal) {
    return settledBy(refusal, act)
  }
}

/** Go on with some of the prompts that were found, each in a transaction of its own. */
export async function applyNext(work: Work, ids: readonly string[], act: Ctx): Promise<void> {
  const judged = new Map((await judge(work, { ids }, act)).map((one) => [one.prompt.id, one]))
  for (const id of ids) {
    const settled = await attempt(work, id, judged.get(id), act)
    if (!settled) continue
    await work.own.transact(async (tx) => {
      const store = runStore(tx)
      if (!(await store.holds(work.run.id, work.claim))) throw new Superseded()
      await store.settle(work.run.id, id, settled.outcome, settled.problem ?? null, act.now())
      await store.progressed(work.run.id, act.now())
    })
  }
}
