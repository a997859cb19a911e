import type { SharedCache } from '../core/cache.ts'
import type { Feed } from '../core/feed/feed.ts'
import type { Check } from '../core/http/health.ts'
import { defaultWorkspaceId } from '../domain/access/index.ts'
import type { Database } from '../infrastructure/postgres/database.ts'
import { requireWeakRole } from '../infrastructure/postgres/role.ts'
import type { Queue } from '../infrastructure/queue/queue.ts'

/** What `/health` looks at, and what `/readyz` needs of it. */
export const checksOf = (parts: { database: Database; feed: Feed; queue: Queue; shared: SharedCache }): Check[] => [
  {
    name: 'database',
    needed: true,
    run: async () => {
      await requireWeakRole(parts.database, defaultWorkspaceId)
      return parts.database.pool()
    },
  },
  {
    name: 'feed',
    needed: true,
    run: async () => {
      if (!parts.feed.isCurrent()) await parts.feed.confirm()
      return { position: parts.feed.position(), lag: parts.feed.lag(), leader: parts.feed.isLeader() }
    },
  },
  {
    name: 'jobs',
    needed: false,
    run: async () => {
      if (!parts.queue.isWorking()) throw new Error('no worker runs in this process')
      return {}
    },
  },
  {
    name: 'redis',
    needed: false,
    run: async () => {
      const { state } = parts.shared.stats()
      return state === 'off' ? { state } : { state, roundTripMs: await parts.shared.ping() }
    },
  },
]
