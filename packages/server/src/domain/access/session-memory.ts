import { LRUCache } from 'lru-cache'
import { atMost } from '../../core/at-most.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { keepByFeed } from '../../core/feed/keeping.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import { hashKey } from './model/keys.ts'
import { holdsUntil, type Session } from './model/sessions.ts'
import { findSession } from './queries/sessions.ts'
import { loginStore } from './store/logins.ts'

/** What this instance remembers of sessions and of their people's rights; events of these make it forget. */
export type SessionMemory = Readonly<{
  /** The session of a token, by memory while the feed is current, else by the database. @throws Unavailable (503) */
  find(token: string): Promise<Session | undefined>
}>

const concerns = ({ type }: { type: string }): boolean => /^(session|member|role|workspace)\./.test(type)

export function createSessionMemory(parts: { system: AcrossWorkspaces; feed: Feed; now: () => string; idleMs: number }): SessionMemory {
  const { system, feed, now, idleMs } = parts
  const known = new LRUCache<string, Session>(atMost(20_000))
  /** Use is noted in the database this often, so that the other instances know of it. */
  const touchMs = Math.min(60_000, idleMs / 4)
  const keeping = keepByFeed(feed, concerns, () => known.clear())

  const ask = (token: string, hash: string): Promise<Session | undefined> => {
    const at = now()
    const idleSince = new Date(Date.parse(at) - idleMs).toISOString()
    return keeping.ask(
      () => system((db) => findSession(db, token, { now: at, idleSince }), 'read'),
      (session) => session && known.set(hash, session),
    )
  }

  /** In the background: a failure only makes the session end earlier. */
  const noteUse = (session: Session, hash: string): void => {
    const at = now()
    if (Date.parse(at) - Date.parse(session.lastSeenAt) < touchMs) return
    if (known.get(hash) === session) known.set(hash, { ...session, lastSeenAt: at })
    system((db) => loginStore(db).noteUse(session.id, at), 'write').catch(() => undefined)
  }

  return {
    async find(token) {
      await keeping.refresh()
      const hash = hashKey(token)
      const remembered = known.get(hash)
      // One that looks idle here may have been used on another instance: the database knows.
      const session = remembered && holdsUntil(remembered, idleMs) > now() ? remembered : await ask(token, hash)
      if (session) noteUse(session, hash)
      else known.delete(hash)
      return session
    },
  }
}
