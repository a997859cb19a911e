import { LRUCache } from 'lru-cache'
import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { labelRuleChanged, roleUpdated } from './model/events.ts'
import { mayMove, movers, protects } from './model/label-rules.ts'
import { type Protection, protectionsOf } from './store/label-rules.ts'

type Asked = Readonly<{ category: string; labels: readonly string[] }>
type Answer = ReadonlyMap<string, Readonly<{ mayMove: boolean; detail: string }>>

/**
 * Says which of some labels are protected in a category, whether the caller may move them nevertheless, and who may. The
 * rules are read in the transaction of the move and remembered while the feed is current, so that most writes ask
 * nothing; a change of a rule counts within a second everywhere, as rights do, and at once where it was made.
 */
export function createLabelGate(feed: Feed): (tx: Db, ctx: Ctx, asked: Asked) => Promise<Answer> {
  const known = new LRUCache<string, readonly Protection[]>({ max: 10_000 })
  /** Counts what was forgotten: an answer that was asked for before is not kept after. */
  let generation = 0
  feed.subscribe(({ events, everything }) => {
    const changed = events.filter(({ type }) => type === labelRuleChanged.type || type === roleUpdated.type)
    if (!everything && changed.length === 0) return
    generation++
    if (everything) known.clear()
    else for (const { workspaceId } of changed) known.delete(workspaceId)
  })

  const rulesOf = async (tx: Db, workspaceId: string): Promise<readonly Protection[]> => {
    const kept = feed.isCurrent() ? known.get(workspaceId) : undefined
    if (kept) return kept
    const before = generation
    const rules = await protectionsOf(tx)
    if (before === generation) known.set(workspaceId, rules)
    return rules
  }

  return async (tx, ctx, { category, labels }) => {
    if (labels.length === 0) return new Map()
    const rules = (await rulesOf(tx, ctx.workspaceId)).filter((rule) => labels.includes(rule.label) && protects(rule, category))
    return new Map(rules.map((rule) => [rule.label, { mayMove: mayMove(ctx.actor, rule, category), detail: movers(rule) }]))
  }
}
