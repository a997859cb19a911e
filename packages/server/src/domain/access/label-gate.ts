import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { keepByWorkspace } from '../../core/feed/keeping.ts'
import { labelRuleChanged, roleUpdated } from './model/events.ts'
import { mayMove, movers, protects } from './model/label-rules.ts'
import { protectionsOf } from './store/label-rules.ts'

type Asked = Readonly<{ category: string; labels: readonly string[] }>
type Answer = ReadonlyMap<string, Readonly<{ mayMove: boolean; detail: string }>>

/**
 * Says which of some labels are protected in a category, whether the caller may move them nevertheless, and who may. A
 * change of a rule counts within a second everywhere, as rights do, and at once where it was made.
 */
export function createLabelGate(feed: Feed): (tx: Db, ctx: Ctx, asked: Asked) => Promise<Answer> {
  const rulesOf = keepByWorkspace(feed, [labelRuleChanged.type, roleUpdated.type], protectionsOf)
  return async (tx, ctx, { category, labels }) => {
    if (labels.length === 0) return new Map()
    const rules = (await rulesOf(tx, ctx.workspaceId)).filter((rule) => labels.includes(rule.label) && protects(rule, category))
    return new Map(rules.map((rule) => [rule.label, { mayMove: mayMove(ctx.actor, rule, category), detail: movers(rule) }]))
  }
}
