import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import { mayMove, movers, protects } from './model/label-rules.ts'
import { protectionsOf } from './store/label-rules.ts'

/**
 * Which of these labels are protected in a category, whether the caller may move them nevertheless, and who may. Reads the
 * rules in the transaction of the move.
 */
export async function labelGate(
  tx: Db,
  ctx: Ctx,
  { category, labels }: Readonly<{ category: string; labels: readonly string[] }>,
): Promise<ReadonlyMap<string, Readonly<{ mayMove: boolean; detail: string }>>> {
  if (labels.length === 0) return new Map()
  const rules = (await protectionsOf(tx, labels)).filter((rule) => protects(rule, category))
  return new Map(rules.map((rule) => [rule.label, { mayMove: mayMove(ctx.actor, rule, category), detail: movers(rule) }]))
}
