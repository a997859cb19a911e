import { isDeepStrictEqual } from 'node:util'
import { visibleCategories } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { between, type DomainEvent } from '../../../core/events.ts'
import { Forbidden } from '../../../core/problem.ts'
import { AlertInvalid, type AlertRule, alertsChanged, categoryOfRule, ruleOf, told } from '../model/alert.ts'
import { faultsOf } from '../model/alerting.ts'
import { alertStore, categoriesOf, type StoredAlert } from '../store/alerts.ts'

const invalid = (errors: ReturnType<typeof faultsOf>) =>
  new AppError(AlertInvalid, errors.map(({ detail }) => detail).join(' '), { errors: [...errors] })

const withoutWords = ({ description: _, ...rule }: AlertRule): Omit<AlertRule, 'description'> => rule

/** A rule that stays what it was goes on where it was; one that is another begins anew. */
function saved(before: StoredAlert | undefined, rule: AlertRule, ctx: Ctx): StoredAlert {
  const by = { savedBy: ctx.actor.id, savedAt: ctx.now() }
  if (before && isDeepStrictEqual(before.rule, rule)) return before
  if (before && isDeepStrictEqual(withoutWords(before.rule), withoutWords(rule))) return { ...before, rule, ...by }
  const fresh = { state: 'ok', since: ctx.now(), turningAt: null, evaluatedAt: null, evaluation: null, baseline: null } as const
  return { id: before?.id ?? ctx.newId(), rule, ...fresh, ...by }
}

/** Alerts that fire no longer since their rule is another or gone. */
function ended(before: readonly StoredAlert[], after: readonly StoredAlert[], categories: ReadonlyMap<string, string>): DomainEvent[] {
  return before.flatMap((alert) => {
    const now = after.find(({ id }) => id === alert.id)
    if (alert.state !== 'firing' || now?.state === 'firing') return []
    return [told(alert, categoryOfRule(categories, alert.rule), now ? 'rule_changed' : 'rule_removed')]
  })
}

/**
 * Put these rules in the place of those that the workspace had.
 * @throws AlertInvalid (422); Forbidden (403) for who sees a part of the workspace only: the rules are of all of it
 */
export async function setAlerts(sent: readonly AlertRule[], ctx: Ctx): Promise<void> {
  if (visibleCategories(ctx.actor))
    throw new AppError(Forbidden, 'Rules are of the whole workspace, of which you may see a part.', {
      members: { permission: 'analytics:manage' },
    })
  const rules = sent.map(ruleOf)
  const faults = faultsOf(rules)
  if (faults.length > 0) throw invalid(faults)
  await ctx.transact(async (tx) => {
    const store = alertStore(tx)
    const before = await store.lockAll(ctx.workspaceId)
    const categories = await categoriesOf(tx, [...rules, ...before.map(({ rule }) => rule)])
    const absent = rules.flatMap(({ scope }, i) =>
      scope?.promptId !== undefined && !categories.has(scope.promptId)
        ? [{ pointer: `/items/${i}/scope/promptId`, code: 'prompt.not_found', detail: `There is no prompt ${scope.promptId}.` }]
        : [],
    )
    if (absent.length > 0) throw invalid(absent)
    const after = rules.map((rule) =>
      saved(
        before.find((one) => one.rule.name === rule.name),
        rule,
        ctx,
      ),
    )
    if (isDeepStrictEqual(before, after)) return
    await store.replace(after)
    const [was, is] = [before, after].map((all) => all.map(({ rule }) => rule))
    await ctx.emit(tx, [
      ...between(was, is, [alertsChanged(ctx.workspaceId, { count: after.length })]),
      ...ended(before, after, categories),
    ])
  })
}
