import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'

/** The index is to be made anew: told, so that indexers that wait for news begin. */
export const rebuildRequested = eventType('search.rebuild_requested', Strict({}), {
  description: 'The search index is made anew',
  promptless: true,
})
