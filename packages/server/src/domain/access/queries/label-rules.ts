import type { Ctx } from '../../../core/context.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { type LabelRule, noRule } from '../model/label-rules.ts'
import type { Neighbours } from '../model/neighbours.ts'
import { ruleColumns } from '../store/label-rules.ts'
import '../tables.ts'

export const getLabelRule = ({ label }: { label: string }, ctx: Ctx): Promise<LabelRule> =>
  ctx.read(
    async (db) => (await db.selectFrom('labelRule').select(ruleColumns).where('label', '=', label).executeTakeFirst()) ?? noRule(label),
  )

/** All labels that are in use or have a rule, in order. */
export async function listLabels(paged: Paged, { labelsInUse }: Neighbours, ctx: Ctx): Promise<Page<LabelRule>> {
  const step = stepOf(`labels ${ctx.workspaceId}`, paged, ctx)
  const after = step.after ? String(step.after[0]) : ''
  const used = await labelsInUse(after, step.take, ctx)
  const rules = await ctx.read((db) =>
    db.selectFrom('labelRule').select(ruleColumns).where('label', '>', after).orderBy('label').limit(step.take).execute(),
  )
  const all = new Map<string, LabelRule>([
    ...used.map((label) => [label, noRule(label)] as const),
    ...rules.map((rule) => [rule.label, rule] as const),
  ])
  const ordered = [...all.values()].sort((a, b) => (a.label < b.label ? -1 : 1))
  return step.page(ordered, (last) => [last.label])
}
