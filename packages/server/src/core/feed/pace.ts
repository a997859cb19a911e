export type PaceLimits = Readonly<{
  /** Above so many events a second those who make them come first. */
  busyPerSecond: number
  /** The rate is taken over at least this long. Milliseconds. */
  sampleMs: number
  /** Who follows rests so many times as long as it worked. */
  busyRest: number
  /** The same once it has fallen behind. */
  behindRest: number
  /** So far behind the events, in milliseconds. */
  behindMs: number
  longestRestMs: number
}>

/** How fast a follower of the feed may go: it shares the machine with those who write. */
export type Pace = Readonly<{
  /** The feed has come to a position. */
  note(position: number): void
  isBusy(): boolean
  /**
   * How long to rest after work, so that a busy store writes on undisturbed. Milliseconds; 0 while it is calm.
   * @param workedMs milliseconds
   * @param since the time of the oldest event that waits; undefined when none does
   */
  restMs(workedMs: number, since: string | undefined): number
}>

/** It is busy until it has been calm for so long. Milliseconds. */
const calmMs = 2_000

/** @param now the time that events are stamped with */
export function createPace(limits: PaceLimits, now: () => string): Pace {
  const { busyPerSecond, sampleMs, busyRest, behindRest, behindMs, longestRestMs } = limits
  let last: { position: number; at: number } | undefined
  let busyUntil = 0
  const isBusy = () => performance.now() < busyUntil
  return {
    note(position) {
      const at = performance.now()
      if (last && at - last.at < sampleMs) return
      if (last && ((position - last.position) * 1_000) / (at - last.at) > busyPerSecond) busyUntil = at + calmMs
      last = { position, at }
    },
    isBusy,
    restMs(workedMs, since) {
      if (!isBusy()) return 0
      const isBehind = since !== undefined && Date.parse(now()) - Date.parse(since) > behindMs
      return Math.min(longestRestMs, workedMs * (isBehind ? behindRest : busyRest))
    },
  }
}
