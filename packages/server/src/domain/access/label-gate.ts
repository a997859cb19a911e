import { LRUCache } from 'lru-cache'
import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { keepByFeed } from '../../core/feed/keeping.ts'
import { labelRuleChanged, roleUpdated } from './model/events.ts'
import { mayMove, movers, protects } from './model/label-rules.ts'
import { type Protection, protectionsOf } from './store/label-rules.ts'

const concernsRules = ({ type }: { type: string }): boolean => type === labelRuleChanged.type || type === roleUpdated.type

type Asked = Readonly<{ category: string; labels: readonly string[] }>
type Answer = ReadonlyMap<string, Readonly<{ mayMove: boolean; detail: string }>>

/**
 * Says which of some labels are protected in a category, whether the caller may move them nevertheless, and who may. The
 * rules are read in the transaction of the move and remembered while the feed is current, so that most writes ask
 * nothing; a change of a rule counts within a second everywhere, as rights do, and at once where it was made.
 */
export function createLabelGate(feed: Feed): (tx: Db, ctx: Ctx, asked: Asked) => Promise<Answer> {
  const known = new LRUCache<string, readonly Protection[]>({ max: 10_000 })
  const keeping = keepByFeed(feed, concernsRules, (changed) => {
    if (changed) for (const { workspaceId } of changed) known.delete(workspaceId)
    else known.clear()
  })
  const rulesOf = async (tx: Db, workspaceId: string): Promise<readonly Protection[]> => {
    const kept = feed.isCurrent() ? known.get(workspaceId) : undefined
    return (
      kept ??
      keeping.ask(
        () => protectionsOf(tx),
        (rules) => known.set(workspaceId, rules),
      )
    )
  }

  return async (tx, ctx, { category, labels }) => {
    if (labels.length === 0) return new Map()
    const rules = (await rulesOf(tx, ctx.workspaceId)).filter((rule) => labels.includes(rule.label) && protects(rule, category))
    return new Map(rules.map((rule) => [rule.label, { mayMove: mayMove(ctx.actor, rule, category), detail: movers(rule) }]))
  }
}
