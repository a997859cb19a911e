import { setTimeout as sleep } from 'node:timers/promises'
import type { Follower } from './follower.ts'

/** Well within the second for which a confirmation holds. */
const everyMs = 850
/** While the database is away. */
const retryMs = 200

/** How long a service that starts waits for a database that hangs. */
const patienceMs = 10_000

/** The first confirmation: a moment in which the database hangs does not end the start. @throws what the last one throws */
export async function firstConfirmation(follower: Follower): Promise<void> {
  for (const until = performance.now() + patienceMs; ; await sleep(retryMs))
    try {
      return await follower.confirm()
    } catch (error) {
      if (performance.now() >= until) throw error
    }
}

/** Confirm the feed unless that was done lately, again and again, so that it stays current without any traffic. @returns how to stop it */
export function keepConfirming(follower: Follower, log: (message: string, details?: object) => void): () => void {
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const beat = async () => {
    const wasAway = follower.isAway()
    let failure: unknown
    if (follower.age() >= everyMs)
      await follower.confirm().catch((error) => {
        failure = error
      })
    if (stopped) return
    if (failure && !wasAway) log('the change feed cannot be read', { error: String((failure as Error).cause ?? failure) })
    if (!failure && wasAway) log('the change feed can be read again')
    timer = setTimeout(beat, failure ? retryMs : Math.max(1, everyMs - follower.age()))
  }

  timer = setTimeout(beat, everyMs)
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
