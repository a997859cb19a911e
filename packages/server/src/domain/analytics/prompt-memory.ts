import { LRUCache } from 'lru-cache'
import { atMost } from '../../core/at-most.ts'
import type { Ctx } from '../../core/context.ts'
import type { FeedEvent } from '../../core/events.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { keepByFeed } from '../../core/feed/keeping.ts'
import { type MeasuredPrompt, measuredById, measuredByName } from '../prompts/index.ts'

/** How an event names its prompt. */
export type Named = Readonly<{ promptId?: string | undefined; category?: string | undefined; name?: string | undefined }>

export type PromptMemory = Readonly<{
  /** The prompts that these name, in their order; undefined: there is none. @param fits asks again where what is remembered does not fit */
  find(named: readonly Named[], fits: (prompt: MeasuredPrompt, index: number) => boolean, ctx: Ctx): Promise<(MeasuredPrompt | undefined)[]>
}>

const concernsPrompts = ({ type }: FeedEvent): boolean => type.startsWith('prompt.')
const mostPrompts = 20_000

/** What an instance remembers of the prompts that are measured: as long as the feed tells of no change. What there is not is asked for each time. */
export function createPromptMemory(feed: Feed): PromptMemory {
  const byId = new LRUCache<string, MeasuredPrompt>(atMost(mostPrompts))
  const byName = new LRUCache<string, MeasuredPrompt>(atMost(mostPrompts))
  const keeping = keepByFeed(feed, concernsPrompts, (changed) => {
    byName.clear()
    if (changed) for (const { workspaceId, subject } of changed) byId.delete(`${workspaceId} ${subject}`)
    else byId.clear()
  })
  const nameOf = ({ category, name }: Named) => `${category}\n${name}`

  return {
    async find(named, fits, ctx) {
      await keeping.refresh()
      let last: MeasuredPrompt | undefined // neighbours are mostly of one prompt
      const remembered = (one: Named, i: number): MeasuredPrompt | undefined => {
        if (one.promptId === undefined) last = byName.get(`${ctx.workspaceId} ${nameOf(one)}`)
        else if (last?.id !== one.promptId) last = byId.get(`${ctx.workspaceId} ${one.promptId}`)
        return last && fits(last, i) ? last : undefined
      }
      const found = named.map(remembered)
      const missing = named.filter((_, i) => found[i] === undefined)
      if (missing.length === 0) return found
      const asked = await keeping.ask(
        () => ask(missing, ctx),
        ({ ids, names }) => {
          for (const prompt of ids.values()) byId.set(`${ctx.workspaceId} ${prompt.id}`, prompt)
          for (const [name, prompt] of names) byName.set(`${ctx.workspaceId} ${name}`, prompt)
        },
      )
      return named.map((one, i) => found[i] ?? (one.promptId === undefined ? asked.names.get(nameOf(one)) : asked.ids.get(one.promptId)))
    },
  }

  async function ask(missing: readonly Named[], ctx: Ctx) {
    const ids = [...new Set(missing.flatMap(({ promptId }) => promptId ?? []))]
    const wanted = [...new Map(missing.filter(({ promptId }) => promptId === undefined).map((one) => [nameOf(one), one]))]
    return ctx.readAll(async (db) => {
      const byIds = ids.length === 0 ? [] : await measuredById(db, ids)
      const names = wanted.map(([, one]) => ({ category: one.category!, name: one.name! }))
      const named = names.length === 0 ? [] : await measuredByName(db, names, ctx.now())
      return {
        ids: new Map(byIds.map((prompt) => [prompt.id, prompt])),
        names: new Map(wanted.flatMap(([name], i) => (named[i] ? [[name, named[i]] as const] : []))),
      }
    })
  }
}
