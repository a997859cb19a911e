import { visibleCategories } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { promptFacts } from '../../prompts/index.ts'
import type { Alert } from '../model/alert.ts'
import { alertStore, type StoredAlert } from '../store/alerts.ts'

const alertOf = ({ id, rule, state, since, evaluation, savedBy, savedAt }: StoredAlert): Alert => ({
  ...rule,
  id,
  state,
  since,
  evaluation,
  savedBy,
  savedAt,
})

/** All rules with their state. Who sees certain categories only gets the rules about prompts of these. */
export async function listAlerts(ctx: Ctx): Promise<{ items: Alert[] }> {
  return ctx.read(async (db) => {
    const all = await alertStore(db).all()
    if (!visibleCategories(ctx.actor)) return { items: all.map(alertOf) }
    const ids = all.flatMap(({ rule }) => rule.scope?.promptId ?? [])
    const visible = new Set((await promptFacts(db, ids)).map(({ id }) => id))
    return { items: all.filter(({ rule }) => rule.scope?.promptId !== undefined && visible.has(rule.scope.promptId)).map(alertOf) }
  })
}
