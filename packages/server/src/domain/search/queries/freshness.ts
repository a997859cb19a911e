import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { atMost } from '../../../core/at-most.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Feed } from '../../../core/feed/feed.ts'
import { positionOf } from '../../../core/outbox.ts'
import '../tables.ts'

/** How long a search that shows a consistency token waits for the index, and how often it looks. */
const patienceMs = 3_000
const lookMs = 30

/**
 * Knows the newest change of prompts in each workspace that this instance has heard of; whoever shows a consistency token
 * is only let in when this instance has heard of that write (`core/http/mount.ts`).
 * @returns waits until the index has all of them. False: it has not within the time
 */
export function createFreshness(feed: Pick<Feed, 'subscribe'>): (ctx: Ctx) => Promise<boolean> {
  const newest = new LRUCache<string, number>(atMost(10_000))
  feed.subscribe(({ events }) => {
    for (const { type, workspaceId, id } of events)
      if (type.startsWith('prompt.')) newest.set(workspaceId, Math.max(id, newest.get(workspaceId) ?? 0))
  })
  return async (ctx) => {
    const event = newest.get(ctx.workspaceId)
    if (event === undefined) return true
    for (const deadline = performance.now() + patienceMs; ; await sleep(lookMs)) {
      if (await isIndexed(event, ctx)) {
        if (newest.get(ctx.workspaceId) === event) newest.delete(ctx.workspaceId)
        return true
      }
      if (performance.now() > deadline) return false
    }
  }
}

const isIndexed = (event: number, ctx: Ctx): Promise<boolean> =>
  ctx.system(async (db) => {
    const position = await positionOf(db, event)
    if (position === null) return false
    if (position === undefined) return true // removed for its age, which waits for the index
    const progress = await db.selectFrom('searchProgress').select('position').executeTakeFirstOrThrow()
    return progress.position >= position
  }, 'read')
