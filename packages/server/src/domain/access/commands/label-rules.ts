import type { Ctx } from '../../../core/context.ts'
import { between } from '../../../core/events.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { labelRuleChanged } from '../model/events.ts'
import { type ChangeLabelRule, type LabelRule, noRule } from '../model/label-rules.ts'
import { labelRuleStore } from '../store/label-rules.ts'
import { roleStore } from '../store/roles.ts'

type Named = Readonly<{ label: string; ifMatch?: readonly string[] | undefined }>

/** Say who may move a label. @throws RoleUnknown (422) */
export const changeLabelRule = ({ label, ifMatch, ...change }: Named & ChangeLabelRule, ctx: Ctx): Promise<LabelRule> =>
  ctx.transact(async (tx) => {
    const store = labelRuleStore(tx)
    const stored = await store.lock(label)
    const rule = stored ?? noRule(label)
    assertIfMatch(ifMatch, String(rule.revision))
    for (const [i, role] of (change.roles ?? []).entries()) await roleStore(tx).grant(role, `/roles/${i}`)
    const wanted: LabelRule = {
      ...rule,
      ...(change.protected !== undefined && { protected: change.protected }),
      ...(change.roles !== undefined && { roles: change.roles && [...new Set(change.roles)] }),
      ...(change.categories !== undefined && { categories: change.categories && [...new Set(change.categories)] }),
    }
    if (stored && JSON.stringify(wanted) === JSON.stringify(rule)) return rule
    const by = { updatedBy: ctx.actor.id, updatedAt: ctx.now() }
    const next: LabelRule = { ...wanted, ...by, revision: rule.revision + 1 }
    await store.save(next, by)
    await ctx.emit(tx, between(stored ?? null, next, [labelRuleChanged(label, { label, protected: next.protected })]))
    return next
  })
