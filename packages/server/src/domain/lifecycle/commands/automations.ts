import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError, isAppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { ExpressionInvalid, type Expressions } from '../../../core/expressions.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { unprocessable } from '../../../core/problem.ts'
import { type Automation, permissionFor, type Rule, type RuleInput, ruleOf } from '../model/automations.ts'
import { conditionVariables } from '../model/automations-facts.ts'
import {
  AutomationInvalid,
  AutomationNameTaken,
  AutomationNotFound,
  automationChanged,
  MetricsUnavailable,
} from '../model/automations-failures.ts'
import { nextTime, parseSchedule, ScheduleInvalid } from '../model/automations-schedule.ts'
import { isSame, matchRules, tagOf } from '../model/automations-set.ts'
import { runStore } from '../store/automation-runs.ts'
import { automationStore, type StoredRule } from '../store/automations.ts'

type Check = Pick<Expressions, 'check'>

/** A rule as it is shown. */
const toAutomation = ({ rule, scheduledAt: _at, ...stored }: StoredRule): Automation => ({ ...rule, ...stored }) as Automation

/** A rule does nothing that its author may do nowhere. @throws Forbidden (403) */
export function assertAuthor({ action }: Rule, { actor }: Ctx): void {
  const permission = permissionFor[action.kind]
  if (permission) assertMay(actor, permission)
}

/**
 * Whether a rule makes sense.
 * @param at where it stands in the body
 * @throws ExpressionInvalid, MetricsUnavailable, ScheduleInvalid, AutomationInvalid (422)
 */
export async function assertRule({ action, condition, schedule }: Rule, at: string, expressions: Check): Promise<void> {
  if (action.kind === 'move_status' && action.sunsetInDays !== undefined && action.status !== 'deprecated')
    throw unprocessable(
      AutomationInvalid,
      `${at}/action/sunsetInDays`,
      'automation.sunset',
      'A sunset is said of deprecated prompts alone.',
    )
  try {
    parseSchedule(schedule)
  } catch (error) {
    if (!isAppError(error, ScheduleInvalid)) throw error
    throw unprocessable(ScheduleInvalid, `${at}/schedule`, ScheduleInvalid.code, error.detail)
  }
  await assertCondition(condition, `${at}/condition`, expressions)
}

async function assertCondition(condition: string, pointer: string, { check }: Check): Promise<void> {
  const variables = Object.keys(conditionVariables)
  try {
    await check(condition, { variables, pointer })
  } catch (error) {
    if (!isAppError(error, ExpressionInvalid)) throw error
    const withMetrics = await check(condition, { variables: [...variables, 'metrics'], pointer }).then(
      () => true,
      () => false,
    )
    if (!withMetrics) throw error
    const detail = 'Nothing is measured yet, so a condition cannot name "metrics". Use status, age and use.'
    throw unprocessable(MetricsUnavailable, pointer, 'automation.metrics_unavailable', detail)
  }
}

/** The rule with what follows from being saved now. @throws Forbidden (403) */
const saved = (before: StoredRule | undefined, rule: Rule, ctx: Ctx): StoredRule => {
  assertAuthor(rule, ctx)
  const now = ctx.now()
  return {
    id: before?.id ?? ctx.newId(),
    rule,
    disabledReason: null,
    savedBy: ctx.actor.id,
    savedAt: now,
    revision: (before?.revision ?? 0) + 1,
    scheduledAt: now,
    nextRunAt: rule.enabled ? nextTime(parseSchedule(rule.schedule), now) : null,
  }
}

type Change = Readonly<{ before: StoredRule | undefined; after: StoredRule | undefined }>

async function store(changes: readonly Change[], tx: Db, ctx: Ctx): Promise<void> {
  const rules = automationStore(tx)
  const gone = changes.flatMap(({ before, after }) => (before && !after ? [before.id] : []))
  await runStore(tx).cancelOf(gone, ctx.now())
  await rules.remove(gone)
  await rules.freeNames(changes.flatMap(({ before, after }) => (before && after ? [before.id] : [])))
  for (const { before, after } of changes) {
    if (after) await rules.save(after)
    const { id, rule } = (after ?? before)!
    const change = after ? (before ? 'updated' : 'created') : 'deleted'
    const states = [before && toAutomation(before), after && toAutomation(after)] as const
    await ctx.emit(tx, between(...states, [automationChanged(id, { name: rule.name, change })]))
  }
}

type SaveAll = Readonly<{ items: readonly (RuleInput & { id?: string })[]; ifMatch?: readonly string[] | undefined }>

/**
 * Set all rules of the workspace. What is not sent is removed; a rule that was sent as it is stays its author's.
 * @throws what `assertRule` and `matchRules` throw; PreconditionFailed (412)
 */
export const saveAutomations =
  (expressions: Check) =>
  async ({ items, ifMatch }: SaveAll, ctx: Ctx): Promise<Automation[]> => {
    const rules = items.map(ruleOf)
    for (const [i, rule] of rules.entries()) await assertRule(rule, `/items/${i}`, expressions)
    return ctx.transact(async (tx) => {
      const known = await automationStore(tx).lockAll(ctx.workspaceId)
      assertIfMatch(ifMatch, tagOf(known))
      const matched = matchRules(known, items)
      const kept = rules.map((rule, i) => {
        const before = matched[i]
        return { before, after: before && isSame(before.rule, rule) ? before : saved(before, rule, ctx) }
      })
      const removed = known.filter((one) => !matched.includes(one)).map((before) => ({ before, after: undefined }))
      await store([...removed, ...kept.filter(({ before, after }) => before !== after)], tx, ctx)
      return kept.map(({ after }) => toAutomation(after)).sort((a, b) => (a.name < b.name ? -1 : 1))
    })
  }

type Changes = Partial<{ [K in keyof RuleInput]: RuleInput[K] | null }>
type Update = Changes & Readonly<{ id: string; ifMatch?: readonly string[] | undefined }>

/** Change one rule: absent is unchanged, null clears. @throws as above; AutomationNotFound */
export const updateAutomation =
  (expressions: Check) =>
  async ({ id, ifMatch, ...changes }: Update, ctx: Ctx): Promise<Automation> => {
    const merged = ({ rule }: StoredRule): Rule => {
      const fields = Object.entries({ ...rule, ...changes }).filter(([name, value]) => value !== null && name in rule)
      return ruleOf(Object.fromEntries(fields) as RuleInput)
    }
    // Before the transaction, which would wait for it.
    await assertRule(merged(await ctx.read((db) => automationStore(db).get(id))), '', expressions)
    return ctx.transact(async (tx) => {
      const known = await automationStore(tx).lockAll(ctx.workspaceId)
      const present = known.find((one) => one.id === id)
      if (!present) throw new AppError(AutomationNotFound, `There is no automation ${id}.`)
      assertIfMatch(ifMatch, String(present.revision))
      const rule = merged(present)
      if (known.some((one) => one.id !== id && one.rule.name === rule.name))
        throw unprocessable(AutomationNameTaken, '/name', 'automation.twice', `There is another automation called "${rule.name}".`)
      if (isSame(present.rule, rule)) return toAutomation(present)
      const after = saved(present, rule, ctx)
      await store([{ before: present, after }], tx, ctx)
      return toAutomation(after)
    })
  }

/** Remove a rule; a run of it that goes on ends. @throws AutomationNotFound, PreconditionFailed */
export const deleteAutomation = ({ id, ifMatch }: { id: string; ifMatch?: readonly string[] | undefined }, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const before = (await automationStore(tx).lockAll(ctx.workspaceId)).find((one) => one.id === id)
    if (!before) throw new AppError(AutomationNotFound, `There is no automation ${id}.`)
    assertIfMatch(ifMatch, String(before.revision))
    await store([{ before, after: undefined }], tx, ctx)
  })
