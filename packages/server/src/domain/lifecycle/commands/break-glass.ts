import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { glassBroken } from '../model/policies.ts'

const maxTold = 100

type Broken = Readonly<{
  promptId: string
  category: string
  /** Labels that move by it. */
  labels: readonly string[]
  /** What stands in the way. */
  blockers: readonly Readonly<{ code: string; scope: string }>[]
  reason: string
}>

/**
 * What stands in the way of a change is told, with the reason to pass it by.
 * @throws Forbidden (403) unless the caller may break the glass in the category, and for each label
 */
export async function breakTheGlass(tx: Db, ctx: Ctx, { promptId, category, labels, blockers, reason }: Broken): Promise<void> {
  assertMay(ctx.actor, 'policies:break_glass', { category })
  for (const label of labels) assertMay(ctx.actor, 'policies:break_glass', { category, label })
  const told = blockers.slice(0, maxTold).map(({ code, scope }) => ({ code, scope }))
  await ctx.emit(tx, [glassBroken(promptId, { category, blockers: told, reason })])
}
