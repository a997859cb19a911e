import type pg from 'pg'
import type { FeedEvent } from '../events.ts'
import { unavailable } from '../problem.ts'
import { type Confirmation, createFollower, type Follower } from './follower.ts'

/** What the feed needs of its own session connection. */
export type Session = Pick<pg.Client, 'query' | 'on' | 'end' | 'removeAllListeners'>

export type Feed = Follower &
  Readonly<{
    isLeader(): boolean
    /** Placed but not yet confirmed here plus committed but not yet placed, as of the last read. */
    lag(): number
    /** Called at each signal of the feed (at most 20 times a second): a moment to look for work. */
    onSignal(listener: () => void): void
    /** Begin to follow; resolves when the feed has been read once. */
    start(): Promise<void>
    stop(): Promise<void>
  }>

const leaderLock = 7_266_051_102
const maxListed = 5_000
/** Signals, pokes and relay passes are at least this far apart, so at most 20 a second. */
const spacingMs = 50
const confirmEveryMs = 900

const confirmSql = `/*hot:feed_confirm*/
select (select position from feed_head) as head,
  pg_snapshot_xmin(pg_current_snapshot())::text as horizon,
  (select count(*)::int from outbox where position is null) as unplaced,
  coalesce((select json_agg(e) from (
    select id, position, xid::text, workspace_id as "workspaceId", type, subject, data from outbox
    where position > $1 or position is null order by id limit ${maxListed + 1}) e), '[]') as events,
  case when $2 then true else pg_try_advisory_lock(${leaderLock}) end as leader`

/** Give committed events their position, in the order of their ids; one leader runs this, so there are no gaps. */
const relaySql = `/*hot:feed_relay*/
with todo as (select id, row_number() over (order by id) as n from outbox where position is null order by id limit ${maxListed}),
head as (update feed_head set position = position + (select count(*) from todo) returning position - (select count(*) from todo) as base, position),
placed as (update outbox set position = head.base + todo.n from todo, head where outbox.id = todo.id returning outbox.id)
select (select count(*) from placed)::int as placed, pg_notify('prompt_store_feed', (select position::text from head)) from head where exists (select 1 from placed)`

/**
 * The change feed of one instance: a follower, and the relay when this instance leads (advisory lock).
 * One session connection does all: LISTEN, the lock, the confirmations. When it breaks the lock is free for the
 * next instance, which takes it with its next confirmation, within a second.
 * @param connect opens a session connection as `ps_system`
 */
export function createFeed(options: { connect: () => Promise<Session>; log: (message: string, details?: object) => void }): Feed {
  let session: Session | undefined
  let leader = false
  let lag = 0
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let passTimer: NodeJS.Timeout | undefined
  let lastPass = 0
  const signalListeners: (() => void)[] = []

  const open = async (): Promise<Session> => {
    if (session) return session
    const fresh = await options.connect()
    leader = false
    fresh.on('notification', (message) => (message.channel === 'prompt_store_feed' ? signalled() : schedulePass()))
    const lost = () => {
      if (session === fresh) session = undefined
      leader = false
    }
    fresh.on('error', lost)
    fresh.on('end', lost)
    await fresh.query('listen prompt_store_feed; listen prompt_store_poke; set idle_session_timeout = 10000')
    session = fresh
    return fresh
  }

  const read = async (since: number): Promise<Confirmation> => {
    let client: Session | undefined
    try {
      client = await open()
      const { rows } = await client.query(confirmSql, [since < 0 ? Number.MAX_SAFE_INTEGER : since, leader])
      const row = rows[0] as { head: number; horizon: string; unplaced: number; events: FeedEvent[]; leader: boolean }
      if (row.leader !== leader) options.log('this instance leads the change feed now')
      leader = row.leader
      lag = row.unplaced + (since < 0 ? 0 : row.head - since)
      if (leader && row.unplaced > 0) schedulePass()
      return { head: row.head, horizon: BigInt(row.horizon), events: row.events, truncated: since < 0 || row.events.length > maxListed }
    } catch (error) {
      if (session === client) session = undefined
      leader = false
      client?.end().catch(() => undefined)
      throw Object.assign(unavailable('The database does not answer, so nothing newer can be told for certain. Try again in a moment.'), { cause: error })
    }
  }

  const follower = createFollower(read, () => performance.now())

  const signalled = () => {
    follower.confirm().catch(() => undefined)
    for (const listener of signalListeners) listener()
  }

  /** The leader places events; others poke it, in a transaction of its own and never in the changing one. */
  const pass = async () => {
    lastPass = performance.now()
    const client = await open()
    if (!leader) return void (await client.query(`/*hot:feed_poke*/ select pg_notify('prompt_store_poke', '')`))
    const { rows } = await client.query(relaySql)
    if (rows[0]?.placed === maxListed) schedulePass()
  }

  const schedulePass = () => {
    if (passTimer || stopped) return
    const wait = Math.max(0, lastPass + spacingMs - performance.now())
    passTimer = setTimeout(() => {
      passTimer = undefined
      pass().catch((error) => options.log('the feed could not be signalled; the next confirmation will', { error: String(error) }))
    }, wait)
  }

  const tick = async () => {
    if (follower.age() >= confirmEveryMs - spacingMs) await follower.confirm().catch((error) => options.log('the feed cannot be read', { error: String(error) }))
    if (!stopped) timer = setTimeout(tick, Math.max(spacingMs, confirmEveryMs - follower.age() < 0 ? spacingMs : confirmEveryMs - follower.age()))
  }

  return {
    ...follower,
    committed(events) {
      follower.committed(events)
      if (events.length > 0) schedulePass()
    },
    isLeader: () => leader,
    lag: () => lag,
    onSignal: (listener) => void signalListeners.push(listener),
    async start() {
      await follower.confirm()
      await tick()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      clearTimeout(passTimer)
      await session?.end().catch(() => undefined)
    },
  }
}
