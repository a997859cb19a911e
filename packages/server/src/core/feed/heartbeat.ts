import type { Follower } from './follower.ts'

/** Well within the second for which a confirmation holds. */
const everyMs = 850
/** While the database is away. */
const retryMs = 200

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
