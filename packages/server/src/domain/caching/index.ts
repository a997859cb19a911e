import type { SharedCache } from '../../core/cache.ts'
import type { FeedEvent } from '../../core/events.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { defineModule, type Module } from '../../core/module.ts'
import { type Areas, cacheInvalidated, matcher, type Neighbours, type Selection, selectedAreas } from './model.ts'
import { routes } from './routes.ts'

/** The caches of an instance, to look at, empty and warm. */
export function caching(areas: Areas, shared: SharedCache, feed: Feed, neighbours: Neighbours): Module {
  feed.subscribe(({ events }) => {
    for (const event of events) if (event.type === cacheInvalidated.type) forget(areas, event, neighbours)
  })
  return defineModule({ name: 'caching', endpoints: routes(areas, shared, neighbours), events: [cacheInvalidated] })
}

/** Forget, in the event's workspace only, what it names; everything of the workspace when it names nothing. */
function forget(areas: Areas, { workspaceId, data }: FeedEvent, neighbours: Neighbours): void {
  const selection = data as Selection
  for (const [, cache] of selectedAreas(areas, selection)) cache.evictWhere(matcher(workspaceId, selection, neighbours))
}

export type { Areas, Neighbours } from './model.ts'
