/** Pauses before each retry unless a webhook has its own: 5 s, 5 min, 30 min, 2, 5, 10, 14, 20, 24 h. Seconds. */
const defaultSchedule: readonly number[] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
/** A receiver's `Retry-After` is honoured up to this. Milliseconds. */
const longestRetryAfterMs = 3_600_000
const jitter = 0.2

/**
 * When a delivery that failed is tried again: after the pause of the schedule ± 20 %, and not before the receiver allows it.
 * @param tries how many attempts there were since it was scheduled, 1 or more
 * @param random 0 to 1
 * @returns milliseconds from now; undefined: no more
 */
export function pauseAfter(
  tries: number,
  schedule: readonly number[] | null,
  { retryAfterMs = 0, random }: { retryAfterMs?: number | undefined; random: number },
): number | undefined {
  const seconds = (schedule ?? defaultSchedule)[tries - 1]
  if (seconds === undefined) return undefined
  return Math.max(Math.round(seconds * 1_000 * (1 - jitter + 2 * jitter * random)), Math.min(retryAfterMs, longestRetryAfterMs))
}

/**
 * The header `Retry-After` (RFC 9110 §10.2.3): seconds or a date.
 * @param now milliseconds since 1970
 * @returns milliseconds from now, at most an hour; undefined when it is missing, past or nonsense
 */
export function retryAfterOf(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now
  return ms > 0 ? Math.min(ms, longestRetryAfterMs) : undefined
}
