import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { type Job, job } from '../../../core/jobs.ts'
import { Strict } from '../../../core/schemas.ts'
import { categoryOfRule, type FullRule, fullRule, told } from '../model/alert.ts'
import { baselineOf, evaluate, measureWindow, type StoredBaseline, step, windowStart } from '../model/alerting.ts'
import { QuestionInvalid } from '../model/failures.ts'
import { hourMs } from '../model/measurement.ts'
import { startOf } from '../model/rollup.ts'
import type { Tally } from '../model/tally.ts'
import { scopeOf } from '../queries/scope.ts'
import { points } from '../queries/tallies.ts'
import { alertStore, categoriesOf, everyAlert, type StoredAlert } from '../store/alerts.ts'

/** What was measured by hour. @returns undefined when it is more than one read takes */
async function hoursOf(tx: Db, rule: FullRule, from: number, to: number, ctx: Ctx): Promise<Map<number, Tally> | undefined> {
  const filter = { ...rule.scope, from, to }
  try {
    const found = await points(tx, 'hour', filter, scopeOf(filter, false, ctx))
    return new Map(found.map(({ at, tally }) => [at, tally]))
  } catch (error) {
    if (error instanceof AppError && error.kind === QuestionInvalid) return undefined
    throw error
  }
}

/** The baseline of this hour: made anew when another hour has begun. */
async function currentBaseline(
  tx: Db,
  rule: FullRule,
  stored: StoredBaseline | null,
  now: number,
  ctx: Ctx,
): Promise<StoredBaseline | null> {
  const hour = startOf('hour', now)
  if (rule.deviations === undefined || stored?.hour === hour) return stored
  const end = windowStart(rule, now)
  const hours = await hoursOf(tx, rule, end - rule.baselineDays * 24 * hourMs, end, ctx)
  return { hour, baseline: (hours && baselineOf(rule, hours, now)) ?? null }
}

const tooMuch = 'More series lie in the window than one look takes. Make the window shorter, or the scope narrower.'

/** Look at one rule: in one transaction, so that its state and what is told of it are one. */
async function look(tx: Db, before: StoredAlert, ctx: Ctx): Promise<void> {
  const at = ctx.now()
  const now = Date.parse(at)
  const rule = fullRule(before.rule)
  const baseline = await currentBaseline(tx, rule, before.baseline, now, ctx)
  const hours = await hoursOf(tx, rule, windowStart(rule, now), startOf('hour', now) + hourMs, ctx)
  const evaluation = hours
    ? evaluate(rule, measureWindow(rule, hours, now), baseline?.baseline ?? undefined, at)
    : { at, value: null, deviation: null, events: 0, verdict: 'no_data' as const, detail: tooMuch }
  const { state, since, turningAt } = before
  const standing = step({ state, since, turningAt, evaluatedAt: before.evaluatedAt }, evaluation, rule.forMinutes)
  const after = { ...before, ...standing, evaluation, baseline }
  await alertStore(tx).stand(after)
  if (after.state === state) return
  const category = categoryOfRule(await categoriesOf(tx, [rule]), rule)
  const event = after.state === 'firing' ? told(after, category) : told({ ...after, since }, category, 'recovered')
  await ctx.emit(tx, between({ state, since }, { state: after.state, since: after.since }, [event]))
}

/** Look at every rule of every workspace. What fails for a reason of ours does not hold up the others. */
async function evaluateAlerts(contextIn: (workspaceId: string) => Ctx, ctx: Pick<Ctx, 'system'>): Promise<void> {
  const failures: unknown[] = []
  for (const { workspaceId, id } of await ctx.system(everyAlert, 'read')) {
    const there = contextIn(workspaceId)
    const looking = there.transact(async (tx) => {
      const alert = await alertStore(tx).lock(id)
      if (alert) await look(tx, alert, there)
    })
    await looking.catch((error) => failures.push(error))
  }
  if (failures.length > 0) throw failures[0]
}

/** @param contextIn acts in a workspace for the service itself */
export const evaluatingAlerts = (contextIn: (workspaceId: string) => Ctx): Job =>
  job({
    name: 'analytics.evaluate_alerts',
    payload: Strict({}),
    retries: 0, // the next minute looks again
    schedule: '* * * * *',
    run: (_, ctx) => evaluateAlerts(contextIn, ctx),
  })
