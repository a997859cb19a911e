import type { Ctx } from '../../../core/context.ts'
import { pageSize } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { type LabelRule, noRule } from '../model/label-rules.ts'
import type { Neighbours } from '../model/neighbours.ts'
import { ruleColumns } from '../store/label-rules.ts'
import '../tables.ts'

type Paged = Readonly<{ limit?: number | undefined; cursor?: string | undefined }>

export const getLabelRule = ({ label }: { label: string }, ctx: Ctx): Promise<LabelRule> =>
  ctx.read(
    async (db) => (await db.selectFrom('labelRule').select(ruleColumns).where('label', '=', label).executeTakeFirst()) ?? noRule(label),
  )

/** All labels that are in use or have a rule, in order. */
export async function listLabels({ limit, cursor }: Paged, { labelsInUse }: Neighbours, ctx: Ctx): Promise<Page<LabelRule>> {
  const size = pageSize(limit)
  const scope = `labels ${ctx.workspaceId}`
  const after = cursor === undefined ? '' : String(ctx.cursors.decode(scope, cursor)[0])
  const used = await labelsInUse(after, size + 1, ctx)
  const rules = await ctx.read((db) =>
    db
      .selectFrom('labelRule')
      .select(ruleColumns)
      .where('label', '>', after)
      .orderBy('label')
      .limit(size + 1)
      .execute(),
  )
  const all = new Map<string, LabelRule>([
    ...used.map((label) => [label, noRule(label)] as const),
    ...rules.map((rule) => [rule.label, rule] as const),
  ])
  const ordered = [...all.values()].sort((a, b) => (a.label < b.label ? -1 : 1))
  const items = ordered.slice(0, size)
  return { items, nextCursor: ordered.length > size ? ctx.cursors.encode(scope, [items.at(-1)!.label]) : null }
}
