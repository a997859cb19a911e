import type { KeptSession, Session } from './session.ts'
import { maxListed, placeSql, pokeSql, unplacedSql } from './sql.ts'

/** Signals, pokes and passes are at least this far apart: ten a second cost little beside a stream of writes. */
const spacingMs = 100

export type Relay = Readonly<{
  /** Something was committed: soon, let it be placed and signalled. Any number of calls make one pass. */
  schedule(): void
  stop(): void
}>

/** Where this instance leads it places events and signals; elsewhere it pokes the leader, never in the changing transaction. */
export function createRelay(options: {
  session: KeptSession
  isLeader: () => boolean
  log: (message: string, details?: object) => void
}): Relay {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let lastPass = Number.NEGATIVE_INFINITY

  const pass = async () => {
    lastPass = performance.now()
    const placed = await options.session.use(async (client) => {
      if (options.isLeader()) return place(client)
      await client.query(pokeSql)
      return undefined
    })
    if (placed === maxListed) schedule()
  }

  const schedule = () => {
    if (timer || stopped) return
    timer = setTimeout(
      () => {
        timer = undefined
        pass().catch(
          (error) => stopped || options.log('the feed could not be signalled; the next confirmation will', { error: String(error) }),
        )
      },
      Math.max(0, lastPass + spacingMs - performance.now()),
    )
  }

  return {
    schedule,
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/** @returns how many events got a position */
async function place(client: Session): Promise<number> {
  const { rows } = await client.query<{ id: number }>(unplacedSql)
  if (rows.length > 0) await client.query({ ...placeSql, values: [rows.map(({ id }) => id)] })
  return rows.length
}
