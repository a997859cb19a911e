/** Attempts within one minute; `at` counts minutes since 1970. */
export type Minute = Readonly<{ at: number; attempts: number; failures: number }>

/** How a webhook's receiver does. Times are RFC 3339. */
export type Health = Readonly<{
  minutes: readonly Minute[]
  /** The circuit breaker is open: one attempt in a while, until one succeeds. */
  tripped: boolean
  /** Nothing is sent before; and when that was decided. */
  blockedUntil: string | null
  blockedAt: string | null
  /** One at a time until then. */
  slowUntil: string | null
  /** The first failure after the last success, and how many since. */
  failingSince: string | null
  failures: number
  lastSuccessAt: string | null
}>

export const healthy: Health = {
  minutes: [],
  tripped: false,
  blockedUntil: null,
  blockedAt: null,
  slowUntil: null,
  failingSince: null,
  failures: 0,
  lastSuccessAt: null,
}

/** What came of an attempt, as far as it concerns the receiver. */
export type Outcome = Readonly<{
  ok: boolean
  /** 410: it wants no more. */
  gone: boolean
  /** 429, 502, 503, 504 or out of time: it has too much to do. */
  slows: boolean
  /** It said how long nothing is to be sent. */
  retryAfterMs?: number | undefined
}>

const minuteMs = 60_000
const windowMinutes = 5
const breakerAttempts = 10
const breakerRatio = 0.7
export const openMs = 30_000
const slowMs = 60_000
const giveUpMs = 120 * 3_600_000
const giveUpFailures = 20

const later = (now: string, ms: number): string => new Date(Date.parse(now) + ms).toISOString()
const latest = (a: string | null, b: string): string => (a !== null && a > b ? a : b)

/**
 * What outcomes make of a receiver's health. Pure.
 * The breaker opens for 30 s when 70 % or more of 10 or more attempts in 5 minutes failed, then lets one attempt through at
 * a time; a success closes it. A webhook is given up after 120 hours of nothing but failures, 20 at least, and at once on 410.
 */
export function afterOutcomes(before: Health, outcomes: readonly Outcome[], now: string): { next: Health; giveUp?: 'gone' | 'failing' } {
  const next = outcomes.reduce((health, outcome) => afterOutcome(health, outcome, now), before)
  if (outcomes.some(({ gone }) => gone)) return { next, giveUp: 'gone' }
  const failingMs = next.failingSince === null ? 0 : Date.parse(now) - Date.parse(next.failingSince)
  return failingMs >= giveUpMs && next.failures >= giveUpFailures ? { next, giveUp: 'failing' } : { next }
}

function afterOutcome(health: Health, { ok, slows, retryAfterMs }: Outcome, now: string): Health {
  const minutes = counted(health.minutes, ok, Math.floor(Date.parse(now) / minuteMs))
  if (ok) {
    const clean = { ...health, minutes, failingSince: null, failures: 0, lastSuccessAt: now }
    return health.tripped ? { ...clean, minutes: [], tripped: false, blockedUntil: null, blockedAt: null } : clean
  }
  const tripped = health.tripped || isTooMany(minutes)
  const pauseMs = Math.max(tripped ? openMs : 0, retryAfterMs ?? 0)
  return {
    ...health,
    minutes,
    tripped,
    failingSince: health.failingSince ?? now,
    failures: health.failures + 1,
    ...(pauseMs > 0 && { blockedUntil: latest(health.blockedUntil, later(now, pauseMs)), blockedAt: now }),
    ...(slows && { slowUntil: later(now, slowMs) }),
  }
}

function counted(minutes: readonly Minute[], ok: boolean, at: number): Minute[] {
  const recent = minutes.filter((minute) => minute.at > at - windowMinutes && minute.at <= at)
  const mine = recent.find((minute) => minute.at === at) ?? { at, attempts: 0, failures: 0 }
  const next = { at, attempts: mine.attempts + 1, failures: mine.failures + (ok ? 0 : 1) }
  return [...recent.filter((minute) => minute.at !== at), next]
}

function isTooMany(minutes: readonly Minute[]): boolean {
  const attempts = minutes.reduce((sum, minute) => sum + minute.attempts, 0)
  const failures = minutes.reduce((sum, minute) => sum + minute.failures, 0)
  return attempts >= breakerAttempts && failures >= breakerRatio * attempts
}

/** What people are told of it. */
export const healthWord = ({ tripped, blockedUntil, slowUntil }: Health, now: string): 'good' | 'slowed' | 'held' | 'open' => {
  if (tripped) return 'open'
  if (blockedUntil !== null && blockedUntil > now) return 'held'
  return slowUntil !== null && slowUntil > now ? 'slowed' : 'good'
}
