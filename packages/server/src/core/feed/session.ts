import type pg from 'pg'

/** What the feed needs of a session connection of its own. */
export type Session = Pick<pg.Client, 'query' | 'on' | 'end'>

export type KeptSession = Readonly<{
  /** Do some work on the session, after whatever was asked for before. Any failure ends the session; the next work opens another. */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>
  /** Ends the session and resolves when nothing of it is left. Later work fails. */
  close(): Promise<void>
}>

/**
 * Keep one session connection: opened at need and by one caller at a time, its queries one after another.
 * @param options.prepare is done once on each new session, before anything else
 * @param options.onLost told when a session is gone, and with it its listeners and locks
 */
export function keepSession(options: {
  connect: () => Promise<Session>
  prepare: (session: Session) => Promise<unknown>
  onLost: () => void
}): KeptSession {
  let current: Session | undefined
  let closed = false
  let tail: Promise<unknown> = Promise.resolve()

  const lose = (session: Session) => {
    if (current !== session) return
    current = undefined
    options.onLost()
  }

  const open = async (): Promise<Session> => {
    if (closed) throw new Error('the feed was stopped')
    if (current) return current
    const fresh = await options.connect()
    current = fresh
    fresh.on('error', () => lose(fresh))
    fresh.on('end', () => lose(fresh))
    await options.prepare(fresh)
    return fresh
  }

  const run = async <T>(work: (session: Session) => Promise<T>): Promise<T> => {
    try {
      return await work(await open())
    } catch (error) {
      const broken = current
      if (broken) {
        lose(broken)
        broken.end().catch(() => undefined)
      }
      throw error
    }
  }

  return {
    use(work) {
      const result = tail.then(() => run(work))
      tail = result.catch(() => undefined)
      return result
    },
    async close() {
      closed = true
      await current?.end().catch(() => undefined)
      await tail
      await current?.end().catch(() => undefined)
    },
  }
}
