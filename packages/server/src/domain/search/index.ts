import type { TProperties } from 'typebox'
import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import type { Encoder } from '../../core/encoder.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { defineModule, type Module } from '../../core/module.ts'
import { createFollowing, type Following } from './jobs/following.ts'
import { rebuildRequested } from './model/events.ts'
import type { Neighbours } from './neighbours.ts'
import { createFreshness } from './queries/freshness.ts'
import { createMeaning } from './queries/meaning.ts'
import { searchPrompts } from './queries/search.ts'
import { similarTo } from './queries/similar.ts'
import { createVocabulary } from './queries/terms.ts'
import { routes } from './routes.ts'

type Facts = Readonly<{ id: string; name: string; description: string; tags: readonly string[] }>

export type SearchOptions<F extends Facts> = Readonly<{
  /** undefined: search by words alone. */
  encoder: Encoder | undefined
  /** What the vectors in memory may take, in bytes, and after how long without a search they are let go. */
  vectors: Readonly<{ maxBytes: number; idleMs: number }>
  neighbours: Neighbours<F>
  /** The properties of what a list shows of a prompt. */
  item: TProperties
  feed: Pick<Feed, 'subscribe' | 'onSignal' | 'position'>
  /** One transaction across workspaces. */
  within<T>(work: (db: Db) => Promise<T>): Promise<T>
  now: () => string
  log(message: string, details?: object): void
}>

export type Searching = Readonly<{
  module: Module
  /** To be started and stopped. */
  following: Following
  /** The ids of prompts that are most like a text in their words, best first. */
  similar(text: string, limit: number, ctx: Ctx): Promise<string[]>
}>

/** Search: an index that follows the prompts, and the endpoint that asks it. */
export function search<F extends Facts>(options: SearchOptions<F>): Searching {
  const { encoder, neighbours, feed, within, now, log, vectors, item } = options
  const meaning = encoder && createMeaning(encoder, vectors)
  const vocabulary = createVocabulary()
  const fresh = createFreshness(feed)
  return {
    module: defineModule({
      name: 'search',
      endpoints: routes(item, { search: (input, ctx) => searchPrompts(input, { meaning, vocabulary, neighbours }, ctx), fresh }),
      events: [rebuildRequested],
    }),
    following: createFollowing({ within, feed, encoder, neighbours, now, log }),
    similar: (text, limit, ctx) => similarTo(text, limit, vocabulary, ctx),
  }
}

export { rebuildIndex } from './jobs/index-pass.ts'
export { indexedUpTo } from './queries/progress.ts'
