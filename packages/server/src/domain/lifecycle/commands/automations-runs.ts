import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import type { Expressions } from '../../../core/expressions.ts'
import { type RuleInput, ruleOf } from '../model/automations.ts'
import { AutomationChanged, NothingToConfirm, RunGoesOn, RunOver } from '../model/automations-failures.ts'
import type { Trigger } from '../model/automations-runs.ts'
import { nextTime, parseSchedule } from '../model/automations-schedule.ts'
import { type NewRun, purgeRuns, runStore, standingRuns } from '../store/automation-runs.ts'
import { automationStore, dueRules, type StoredRule } from '../store/automations.ts'
import { assertAuthor, assertRule } from './automations.ts'
import { type AutomationParts, ownContext, runJob } from './automations-parts.ts'

/** A run waits for a worker: as a row, and as a job. */
async function add(run: NewRun, tx: Db, ctx: Ctx): Promise<string> {
  await runStore(tx).add(run)
  await ctx.enqueue(tx, runJob, { runId: run.id })
  return run.id
}

const newRun = (
  { id: automationId, revision, rule, savedBy }: StoredRule,
  trigger: Trigger,
  ctx: Ctx,
  reason: string | null = null,
): NewRun => {
  const [requestedBy, createdAt] = [ctx.actor.id, ctx.now()]
  return { id: ctx.newId(), automationId, revision, rule, actsFor: savedBy, requestedBy, reason, trigger, createdAt }
}

type Start = Readonly<{ id: string; dryRun?: boolean | undefined; reason?: string | undefined }>

/** Run a rule now, whether it is on or off. @returns the run's id; @throws AutomationNotFound (404), RunGoesOn (409) */
export const startRun = ({ id, dryRun = false, reason }: Start, ctx: Ctx): Promise<string> =>
  ctx.transact(async (tx) => {
    const stored = await automationStore(tx).lock(id)
    if (!dryRun && (await runStore(tx).isGoingOn(id)))
      throw new AppError(RunGoesOn, 'A run of this automation waits or goes on. Wait for its end, or cancel it.')
    return add(newRun(stored, dryRun ? 'dry_run' : 'manual', ctx, reason), tx, ctx)
  })

/** Try a rule that is not saved: as the caller, changing nothing. @throws what saving it would */
export const tryRule =
  (expressions: Pick<Expressions, 'check'>) =>
  async ({ rule: given }: { rule: RuleInput }, ctx: Ctx): Promise<string> => {
    const rule = ruleOf(given)
    assertAuthor(rule, ctx)
    await assertRule(rule, '/rule', expressions)
    const by = ctx.actor.id
    const run = {
      id: ctx.newId(),
      automationId: null,
      revision: null,
      rule,
      actsFor: by,
      requestedBy: by,
      reason: null,
      createdAt: ctx.now(),
    }
    return ctx.transact((tx) => add({ ...run, trigger: 'dry_run' }, tx, ctx))
  }

/**
 * Let a run that asked go on with the prompts that it found.
 * @throws RunNotFound (404); NothingToConfirm, AutomationChanged (409): what is confirmed is what was shown
 */
export const confirmRun = ({ id }: { id: string }, ctx: Ctx): Promise<string> =>
  ctx.transact(async (tx) => {
    const store = runStore(tx)
    const run = await store.lock(id)
    if (run.status !== 'needs_confirmation' || run.automationId === null)
      throw new AppError(NothingToConfirm, `The run is ${run.status}, and waits for no confirmation.`)
    const { revision } = await automationStore(tx).lock(run.automationId)
    if (revision !== run.revision)
      throw new AppError(AutomationChanged, 'The automation was changed after this run. Run it again, and confirm what it finds then.')
    if (await store.isGoingOn(run.automationId))
      throw new AppError(NothingToConfirm, 'A later run of this automation goes on. Wait for what it finds.')
    await store.confirm(id, ctx.actor.id, ctx.now())
    await ctx.enqueue(tx, runJob, { runId: id })
    return id
  })

/** End a run; what it has done stays done. @throws RunNotFound (404), RunOver (409) */
export const cancelRun = ({ id }: { id: string }, ctx: Ctx): Promise<string> =>
  ctx.transact(async (tx) => {
    const store = runStore(tx)
    const run = await store.lock(id)
    if (!['queued', 'running', 'needs_confirmation'].includes(run.status)) throw new AppError(RunOver, `The run is ${run.status} already.`)
    await store.end(id, { status: 'cancelled', error: `Cancelled by ${ctx.actor.id}.`, at: ctx.now() })
    return id
  })

/** Rules that are started at a time; the rest has its turn a minute later. */
const mostDue = 500

/** One after the other; one that goes wrong keeps none of the others back. @throws what went wrong first, at the end */
async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = []
  for (const one of all) await work(one).catch((error) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

/** Start what is due, once however often it was missed, and whoever else starts it at the same time. */
export const runDue =
  (parts: AutomationParts) =>
  async (ctx: Ctx): Promise<void> => {
    const due = await ctx.system((db) => dueRules(db, ctx.now(), mostDue), 'read')
    await each(due, async ({ id, workspaceId }) => {
      const own = ownContext(parts, `automation:${id}`, { ...ctx, workspaceId })
      await own.transact((tx) => startDue(id, tx, own))
    })
  }

/** A run on which nobody has worked for so long has lost its job: in a restore, or because it failed too often. Milliseconds. */
const standingMs = 10 * 60_000

/** Give runs that stand still another job. It bears to be one too many: a run is in one hand at a time. */
export const reviveRuns =
  (parts: AutomationParts) =>
  async (ctx: Ctx): Promise<void> => {
    const before = new Date(Date.parse(ctx.now()) - standingMs).toISOString()
    const standing = await ctx.system((db) => standingRuns(db, before, mostDue), 'read')
    await each(standing, async ({ id, workspaceId }) => {
      const own = ownContext(parts, ctx.actor.id, { ...ctx, workspaceId })
      await own.transact(async (tx) => {
        if (await runStore(tx).takeStanding(id, { before, at: own.now() })) await own.enqueue(tx, runJob, { runId: id })
      })
    })
  }

async function startDue(id: string, tx: Db, own: Ctx): Promise<void> {
  const store = automationStore(tx)
  const stored = await store.take(id)
  const now = own.now()
  if (!stored || stored.nextRunAt === null) return
  const isDue = stored.nextRunAt <= now
  const wasSetBack = stored.scheduledAt > now
  if (!isDue && !wasSetBack) return
  await store.save({ ...stored, scheduledAt: now, nextRunAt: nextTime(parseSchedule(stored.rule.schedule), now) })
  if (isDue && !(await runStore(tx).isGoingOn(id))) await add(newRun(stored, 'schedule', own), tx, own)
}

/** Runs are kept for so long. Milliseconds. */
const keptMs = 90 * 86_400_000

export async function purge(ctx: Ctx): Promise<void> {
  const before = new Date(Date.parse(ctx.now()) - keptMs).toISOString()
  while ((await ctx.system((db) => purgeRuns(db, before, 100))) === 100);
}
