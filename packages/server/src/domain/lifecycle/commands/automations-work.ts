import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { isAppError } from '../../../core/errors.ts'
import { countLive } from '../../prompts/index.ts'
import { AutomationNotFound, automationChanged, automationFailed, automationRan, automationStopped } from '../model/automations-failures.ts'
import { type RunStatus, verdictOf } from '../model/automations-runs.ts'
import { type Run, runStore } from '../store/automation-runs.ts'
import { automationStore } from '../store/automations.ts'
import { applyNext } from './automations-act.ts'
import { examinePage } from './automations-examine.ts'
import { type AutomationParts, actorOf, contextAs, ownContext, runJob, Superseded, type Work } from './automations-parts.ts'

/** One job works on a run for so long, in milliseconds; then another one goes on, so that others get their turn. */
const sliceMs = 15_000
/** A run that was begun so often without coming on is given up. */
const mostTries = 5
/** Prompts that are done between two looks at the rights of the rule's author. */
const chunk = 20
/** Prompts that a dry run tries; those beyond are told as found. */
const mostTried = 200

/**
 * Work on a run until it is over or the slice is. Taking it over ends the hold of whoever had it before, so it bears to be
 * called twice at a time, and after a crash goes on where it was.
 */
export const workOnRun =
  (parts: AutomationParts) =>
  async ({ runId }: { runId: string }, ctx: Ctx): Promise<void> => {
    const claim = ctx.newId()
    const prompts = await ctx.readAll(countLive)
    const run = await ctx.transact((tx) => runStore(tx).claim(runId, { claim, at: ctx.now(), prompts }))
    if (!run) return
    const own = ownContext(parts, actorOf(run), ctx)
    try {
      await slice({ run, claim, parts, own })
    } catch (error) {
      if (!(error instanceof Superseded)) throw error
    }
  }

async function slice(work: Work): Promise<void> {
  const { claim, own } = work
  if (work.run.tries > mostTries) return fail(work, `It was begun ${mostTries} times and did not come on. See the service's log for why.`)
  const end = performance.now() + sliceMs
  for (let run: Run | undefined = work.run; run; ) {
    run = await step({ ...work, run })
    if (run && performance.now() > end)
      return own.transact(async (tx) => {
        if (await runStore(tx).holds(work.run.id, claim)) await own.enqueue(tx, runJob, { runId: work.run.id })
      })
  }
}

/** The next page, or the next few prompts. @returns undefined when the run is over, or waits for its confirmation */
async function step(work: Work): Promise<Run | undefined> {
  const { run, parts, own } = work
  const principal = (await parts.presence([run.actsFor], own)).get(run.actsFor)
  if (!principal) return disable(work)
  const act = contextAs(parts, { ...principal, id: actorOf(run) }, own)
  if (!run.examinedAll) return examinePage(work, act)
  const found = run.matched - run.notApplicable
  if (run.trigger !== 'dry_run' && run.confirmedAt === null && found > run.rule.limit) return ask(work, found)
  const ids =
    run.trigger === 'dry_run' && (await tried(work)) >= mostTried ? [] : await own.read((db) => runStore(db).nextFound(run.id, chunk))
  if (ids.length === 0) return finish(work)
  await applyNext(work, ids, act)
  return run
}

const tried = async ({ run, own }: Work): Promise<number> => {
  const { found: _open, ...done } = await own.read((db) => runStore(db).countOutcomes(run.id))
  return Object.values(done).reduce((sum, count) => sum + count, 0)
}

/** The last transaction of a run in these hands. */
const ending = (work: Work, status: RunStatus, error: string | null, tell: (tx: Db) => Promise<void>): Promise<undefined> =>
  work.own.transact(async (tx) => {
    const store = runStore(tx)
    if (!(await store.holds(work.run.id, work.claim))) throw new Superseded()
    await store.end(work.run.id, { status, error, at: work.own.now() })
    if (work.run.trigger !== 'dry_run') await tell(tx)
    return undefined
  })

const subjectOf = ({ automationId, id }: Run): string => automationId ?? id

const fail = (work: Work, error: string): Promise<undefined> =>
  ending(work, 'failed', error, (tx) =>
    work.own.emit(tx, [automationFailed(subjectOf(work.run), { name: work.run.rule.name, runId: work.run.id, error })]),
  )

const ask = (work: Work, found: number): Promise<undefined> => {
  const { run, own } = work
  const { limit, name } = run.rule
  const detail = `It found ${found} prompts, more than its limit of ${limit}, and has done nothing. Look at them, and confirm the run or change the rule.`
  return ending(work, 'needs_confirmation', detail, async (tx) => {
    if (run.automationId !== null) await runStore(tx).supersede(run.automationId, run.id, own.now())
    await own.emit(tx, [automationStopped(subjectOf(run), { name, runId: run.id, found, limit })])
  })
}

async function finish(work: Work): Promise<undefined> {
  const { run, own } = work
  if (verdictOf(run) === 'failed') {
    const [first] = run.errorSamples
    return fail(work, `The condition could be evaluated for none of ${run.examined} prompts: ${first?.detail ?? ''}`)
  }
  return ending(work, 'succeeded', null, async (tx) => {
    const { applied = 0, blocked = 0, skipped = 0, failed = 0 } = await runStore(tx).countOutcomes(run.id)
    const told = { name: run.rule.name, runId: run.id, matched: run.matched, applied, blocked, skipped, failed }
    await own.emit(tx, [automationRan(subjectOf(run), told)])
  })
}

/** Nobody stands behind the rule any more: it is turned off until somebody saves it. */
function disable(work: Work): Promise<undefined> {
  const { run, own } = work
  const reason = `It has nobody to act for: ${run.actsFor} has no key and no membership any more. Save it again to act for yourself.`
  return ending(work, 'failed', reason, async (tx) => {
    const events = [automationFailed(subjectOf(run), { name: run.rule.name, runId: run.id, error: reason })]
    const store = automationStore(tx)
    const rule = run.automationId === null ? undefined : await lockIfThere(store, run.automationId)
    if (rule?.savedBy === run.actsFor && rule.rule.enabled) {
      const { revision } = rule
      await store.save({
        ...rule,
        rule: { ...rule.rule, enabled: false },
        disabledReason: reason,
        nextRunAt: null,
        revision: revision + 1,
      })
      events.unshift(automationChanged(rule.id, { name: rule.rule.name, change: 'disabled', reason }))
    }
    await own.emit(tx, events)
  })
}

const lockIfThere = (store: ReturnType<typeof automationStore>, id: string) =>
  store.lock(id).catch((error) => {
    if (isAppError(error, AutomationNotFound)) return undefined
    throw error
  })
