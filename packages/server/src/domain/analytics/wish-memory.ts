import { createHmac } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { atMost } from '../../core/at-most.ts'
import type { Ctx } from '../../core/context.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { keepByFeed } from '../../core/feed/keeping.ts'
import { type Terms, userHashOf } from './model/preparing.ts'
import { pricingWith } from './model/prices.ts'
import { pricesChanged, settingsChanged, type Wishes } from './model/settings.ts'
import { findWishes } from './store/settings.ts'

export type WishMemory = Readonly<{
  /** How the caller's workspace wants its events. */
  terms(ctx: Ctx): Promise<Terms>
  /** The keyed hash of a user of a workspace. */
  hashUser(workspaceId: string, userId: string): string
}>

type Known = Pick<Terms, 'retentionDays' | 'plainUsers' | 'price'>

/** What workspaces have said, remembered while the feed tells of no change; and their keys. @param secret the installation's */
export function createWishMemory(feed: Feed, secret: Uint8Array): WishMemory {
  const known = new LRUCache<string, Known>(atMost(10_000))
  const keys = new LRUCache<string, Uint8Array>(atMost(10_000))
  const concerns = ({ type }: { type: string }) => type === settingsChanged.type || type === pricesChanged.type
  const keeping = keepByFeed(feed, concerns, (changed) => {
    if (changed) for (const { workspaceId } of changed) known.delete(workspaceId)
    else known.clear()
  })
  const userKey = (workspaceId: string): Uint8Array => {
    const key = keys.get(workspaceId) ?? createHmac('sha256', secret).update(`users of ${workspaceId}`).digest()
    keys.set(workspaceId, key)
    return key
  }
  // Who is measured is mostly somebody who was measured before, and an HMAC is the dearest part of an event.
  const hashes = new LRUCache<string, string>(atMost(50_000))
  const hashUser = (workspaceId: string, userId: string): string => {
    const name = `${workspaceId} ${userId}`
    const known = hashes.get(name)
    if (known !== undefined) return known
    const hash = userHashOf(userKey(workspaceId), userId)
    hashes.set(name, hash)
    return hash
  }
  const compiled = ({ retentionDays, userIds, prices }: Wishes): Known => ({
    retentionDays,
    plainUsers: userIds === 'plain',
    price: pricingWith(prices),
  })
  return {
    hashUser,
    async terms(ctx) {
      const { workspaceId } = ctx
      await keeping.refresh()
      const own =
        known.get(workspaceId) ??
        (await keeping.ask(
          async () => compiled(await ctx.readAll(findWishes)),
          (answer) => known.set(workspaceId, answer),
        ))
      return { ...own, workspaceId, hashUser: (userId: string) => hashUser(workspaceId, userId), now: Date.parse(ctx.now()) }
    },
  }
}
