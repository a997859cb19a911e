import { type Static, Type } from 'typebox'
import { AppError, type FieldError } from '../../../core/errors.ts'
import { Strict } from '../../../core/schemas.ts'
import { PolicyInvalid } from './policy-failures.ts'

const reason = Type.String({ minLength: 1, maxLength: 500, description: 'Why nothing may change then; told to who is refused' })
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
type Day = (typeof days)[number]
const time = (description: string) => Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$', description })

const Once = Strict({
  from: Type.String({ format: 'date-time', maxLength: 40, description: 'When it begins; RFC 3339' }),
  to: Type.String({ format: 'date-time', maxLength: 40, description: 'When it is over; RFC 3339' }),
  reason,
})
const Weekly = Strict({
  days: Type.Array(Type.Enum([...days]), { minItems: 1, maxItems: 7, description: 'The days on which it begins' }),
  from: time('When it begins, on the clock of its time zone: 18:00'),
  to: time('When it is over; not after `from`: on the next day. From 00:00 to 24:00 is the whole day'),
  timeZone: Type.String({ minLength: 1, maxLength: 64, description: 'IANA name, such as Europe/Berlin' }),
  reason,
})
/** A time in which what callers are served stays as it is. */
export const FreezeWindow = Type.Union([Once, Weekly], { description: 'Once, from a time to another; or weekly' })
export type FreezeWindow = Static<typeof FreezeWindow>
type Weekly = Static<typeof Weekly>

const isWeekly = (window: FreezeWindow): window is Weekly => 'days' in window

/** Windows in the form that they are kept in: times in UTC with milliseconds, each day once. @throws PolicyInvalid (422) for each that makes no sense */
export function freezeOf(windows: readonly FreezeWindow[]): FreezeWindow[] {
  const errors = windows.flatMap((window, i) => flawsOf(window).map((flaw) => ({ ...flaw, pointer: `/freeze/${i}${flaw.pointer}` })))
  if (errors.length > 0) throw new AppError(PolicyInvalid, errors.map(({ detail }) => detail).join(' '), { errors })
  return windows.map((window) =>
    isWeekly(window)
      ? { ...window, days: days.filter((day) => window.days.includes(day)) }
      : { ...window, from: new Date(window.from).toISOString(), to: new Date(window.to).toISOString() },
  )
}

function flawsOf(window: FreezeWindow): FieldError[] {
  const flaw = (pointer: string, code: string, detail: string): FieldError[] => [{ pointer, code, detail }]
  if (isWeekly(window)) {
    if (!isTimeZone(window.timeZone))
      return flaw('/timeZone', 'freeze.time_zone', `There is no time zone "${window.timeZone}". Send an IANA name, such as Europe/Berlin.`)
    if (window.from === '24:00') return flaw('/from', 'freeze.from', 'A day begins at 00:00: let it begin on the next day.')
    if (window.from === window.to) return flaw('/to', 'freeze.empty', 'It ends when it begins. From 00:00 to 24:00 is the whole day.')
    return []
  }
  const [from, to] = [Date.parse(window.from), Date.parse(window.to)]
  if (Number.isNaN(from)) return flaw('/from', 'freeze.from', 'from is no time that there is. Send RFC 3339.')
  if (Number.isNaN(to)) return flaw('/to', 'freeze.to', 'to is no time that there is. Send RFC 3339.')
  return from < to ? [] : flaw('/to', 'freeze.empty', 'It is over before it begins. Let "to" be later than "from".')
}

function isTimeZone(timeZone: string): boolean {
  try {
    clockOf(timeZone)
    return true
  } catch {
    return false
  }
}

const clockOf = (timeZone: string) =>
  new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })

/**
 * The first window in which a moment lies, as a sentence that says why and until when; undefined: nothing is frozen. The
 * first moment of a window is in it, its end is not. Weekly ones go by the clock on the wall of their time zone: an hour
 * that comes twice when the clock is put back is frozen twice, one that is skipped is not missed.
 * @param at RFC 3339
 */
export function frozenBy(windows: readonly FreezeWindow[], at: string): string | undefined {
  const ms = Date.parse(at)
  const window = windows.find((one) => (isWeekly(one) ? isInWeekly(one, ms) : Date.parse(one.from) <= ms && ms < Date.parse(one.to)))
  if (!window) return undefined
  return `${window.reason} (until ${isWeekly(window) ? `${window.to}, ${window.timeZone}` : window.to})`
}

function isInWeekly({ days: on, from, to, timeZone }: Weekly, ms: number): boolean {
  const parts = Object.fromEntries(
    clockOf(timeZone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, value]),
  )
  const today = days.indexOf(parts.weekday!.toLowerCase() as Day)
  const now = `${parts.hour}:${parts.minute}`
  const isOn = (day: number) => on.includes(days[(day + 7) % 7]!)
  if (from < to) return isOn(today) && from <= now && now < to
  return (isOn(today) && from <= now) || (isOn(today - 1) && now < to)
}
