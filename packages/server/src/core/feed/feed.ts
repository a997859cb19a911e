import type { FeedEvent } from '../events.ts'
import { unavailable } from '../problem.ts'
import { type Confirmation, createFollower, type Follower } from './follower.ts'
import { firstConfirmation, keepConfirming } from './heartbeat.ts'
import { createRelay } from './relay.ts'
import { keepSession, type Session } from './session.ts'
import { confirmSql, maxListed, prepareSql, signalChannel } from './sql.ts'

export type Feed = Follower &
  Readonly<{
    isLeader(): boolean
    /** Placed but not yet confirmed here plus committed but not yet placed, as of the last read. */
    lag(): number
    /** Called at each signal of the feed (at most 10 times a second), and when this instance comes to lead: a moment to look for work. */
    onSignal(listener: () => void): void
    /** Begin to follow; resolves when the feed has been read once. @throws when the database is away, after ten seconds */
    start(): Promise<void>
    stop(): Promise<void>
  }>

type Row = { head: number; horizon: string; unplaced: number; events: FeedEvent[]; leader: boolean }

/**
 * The change feed of one instance: a follower, and the relay when this instance leads (advisory lock).
 * One session connection does all: LISTEN, the lock, the confirmations. When it breaks the lock is free for the
 * next instance, which takes it with its next confirmation, within a second.
 * @param connect opens a session connection as `ps_system`; its queries are to give up within seconds
 */
export function createFeed({ connect, log }: { connect: () => Promise<Session>; log: (message: string, details?: object) => void }): Feed {
  const state = { leader: false, lag: 0 }
  const signalListeners: (() => void)[] = []
  let stopConfirming: () => void = () => undefined

  const wake = () => {
    for (const listener of signalListeners) listener()
  }
  const session = keepSession({
    connect,
    prepare: async (fresh) => {
      fresh.on('notification', ({ channel }) => (channel === signalChannel ? signalled() : state.leader && relay.schedule()))
      await fresh.query(prepareSql)
    },
    onLost: () => {
      state.leader = false
    },
  })
  const relay = createRelay({ session, isLeader: () => state.leader, log })

  const readRow = (since: number): Promise<Row> =>
    session.use(async (client) => {
      const values = [since < 0 ? Number.MAX_SAFE_INTEGER : since, state.leader]
      const row = (await client.query<Row>({ ...confirmSql, values })).rows[0]!
      const gained = row.leader && !state.leader
      state.leader = row.leader
      if (gained) {
        log('this instance leads the change feed now')
        wake() // what the leader alone does may have waited for one
      }
      return row
    })

  const read = async (since: number): Promise<Confirmation> => {
    const row = await readRow(since).catch(tellAway)
    state.lag = row.unplaced + (since < 0 ? 0 : row.head - since)
    if (state.leader && row.unplaced > 0) relay.schedule()
    return confirmationOf(row, since)
  }
  const follower = createFollower(read, () => performance.now())

  const signalled = () => {
    follower.confirm().catch(() => undefined)
    wake()
  }

  return {
    ...follower,
    committed(events) {
      follower.committed(events)
      if (events.length > 0) relay.schedule()
    },
    isLeader: () => state.leader,
    lag: () => state.lag,
    onSignal: (listener) => void signalListeners.push(listener),
    async start() {
      await firstConfirmation(follower)
      stopConfirming = keepConfirming(follower, log)
    },
    async stop() {
      signalListeners.length = 0
      stopConfirming()
      relay.stop()
      await session.close()
    },
  }
}

/** A head before what was asked for: the database was set back to an earlier state. Positions without their events: old ones were removed meanwhile. */
const confirmationOf = ({ head, horizon, events }: Row, since: number): Confirmation => ({
  head,
  horizon: BigInt(horizon),
  events,
  truncated:
    since < 0 || head < since || events.length > maxListed || events.filter(({ position }) => position !== null).length < head - since,
})

function tellAway(cause: unknown): never {
  const failure = unavailable('The database does not answer, so nothing newer can be told for certain. Try again in a moment.')
  throw Object.assign(failure, { cause })
}
