/** What a request is to the service when there is too much to do: the first in this list is refused first, `read` last. */
export const loads = ['export', 'measurement', 'write', 'read'] as const
export type Load = (typeof loads)[number]

/** How busy this process is. */
export type Pressure = Readonly<{
  /** How late the event loop comes to a request, milliseconds. */
  delayMs: number
  /** Requests that have begun and not been answered. */
  inFlight: number
  /** How long the first in the queue for a database connection has been waiting, milliseconds. */
  queueMs: number
}>

/** From which pressure on requests of a class are refused, each measure by itself; and what they are told to wait, seconds. */
export const thresholds: Readonly<Record<Load, Pressure & { retryAfter: number }>> = {
  export: { delayMs: 100, inFlight: 500, queueMs: 250, retryAfter: 10 },
  measurement: { delayMs: 200, inFlight: 1_000, queueMs: 500, retryAfter: 5 },
  write: { delayMs: 400, inFlight: 2_000, queueMs: 3_000, retryAfter: 2 },
  // Reads that need no database are not refused for its sake; the others get their own 503 after 5 s.
  read: { delayMs: 1_000, inFlight: 4_000, queueMs: Number.POSITIVE_INFINITY, retryAfter: 1 },
}

/** The share of a threshold that the pressure must fall below before a class is taken again. */
const relief = 0.5

const reaches = (pressure: Pressure, load: Load, share: number): boolean => {
  const { delayMs, inFlight, queueMs } = thresholds[load]
  return pressure.delayMs >= delayMs * share || pressure.inFlight >= inFlight * share || pressure.queueMs >= queueMs * share
}

/**
 * How many classes are refused from now on, 0 to 4, those at the head of `loads`. Up at once as far as the pressure tells,
 * down by one class a time and only when the pressure is well below the threshold, so that it does not flicker.
 * @param level how many are refused now
 */
export function nextLevel(level: number, pressure: Pressure): number {
  const wanted = loads.findLastIndex((load) => reaches(pressure, load, 1)) + 1
  if (wanted >= level) return wanted
  return reaches(pressure, loads[level - 1]!, relief) ? level : level - 1
}
