import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Load, loads, nextLevel, thresholds } from './load.ts'

/** How often the pressure is looked at, and how finely the event loop's delay is measured. Milliseconds. */
const everyMs = 500
const resolutionMs = 10
/** A process that idles for more than this share of the time is not overloaded, however late its timers are: the machine is. */
const idleShare = 0.3

export type Shedding = Readonly<{
  /** Seconds after which to come again, when a request of this class is refused now. */
  refuses(load: Load): number | undefined
  /** A request of the usual way begins. @returns what to call, once or more, when its answer begins or it is gone */
  begin(): () => void
  /** Classes refused now, 0 to 4. */
  level(): number
  stop(): void
}>

/**
 * Watch how busy this process is, and say which requests to refuse.
 * @param queueMs how long the first in the queue for a database connection has been waiting, milliseconds
 * @param enabled false: it is watched, and everything is let in
 */
export function createShedding(queueMs: () => number, enabled: boolean): Shedding {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  let used = performance.eventLoopUtilization()
  let last = 0
  let inFlight = 0
  let level = 0

  /** The length of the turn that a request comes into, on average: long turns meet more requests than short ones. */
  const measure = (): number => {
    const before = used
    used = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(used, before)
    const { count, mean, stddev } = delay
    delay.reset()
    if (utilization < 1 - idleShare) return 0
    return count === 0 ? last : Math.max(0, (mean + stddev ** 2 / mean) / 1e6 - resolutionMs)
  }
  /** Of two looks the better one: a single long turn (a large body, a collection of garbage) is no overload. */
  const delayMs = (): number => {
    const before = last
    last = measure()
    return Math.min(before, last)
  }
  const timer = setInterval(() => {
    if (enabled) level = nextLevel(level, { delayMs: delayMs(), inFlight, queueMs: queueMs() })
  }, everyMs)
  timer.unref()

  return {
    refuses: (load) => (loads.indexOf(load) < level ? thresholds[load].retryAfter : undefined),
    begin() {
      let open = true
      inFlight++
      return () => {
        if (open) inFlight--
        open = false
      }
    },
    level: () => level,
    stop() {
      clearInterval(timer)
      delay.disable()
    },
  }
}
