import { AppError, errorKind } from '../../../core/errors.ts'

export const ScheduleInvalid = errorKind({ code: 'automation.schedule_invalid', status: 422, title: 'The schedule makes no sense' })

/** The minutes, hours, days of the month, months and days of the week at which something is due, in UTC. */
export type Schedule = Readonly<{
  minutes: readonly number[]
  hours: readonly number[]
  days: readonly number[]
  months: readonly number[]
  /** 0 is Sunday. */
  weekdays: readonly number[]
  /** Both days are limited: then a day that fits one of them fits. */
  eitherDay: boolean
}>

type Field = Readonly<{ name: string; from: number; to: number }>
const fields = [
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of the month', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12 },
  { name: 'day of the week', from: 0, to: 7 },
] as const satisfies readonly Field[]

/** A rule examines all prompts of its scope each time. */
const mostPerHour = 4

const refuse = (detail: string) =>
  new AppError(ScheduleInvalid, detail, { errors: [{ pointer: '/schedule', code: 'automation.schedule_invalid', detail }] })

/**
 * Read a cron expression of five fields (POSIX crontab): numbers, `*`, ranges `a-b`, steps `/n` and lists `a,b`.
 * @throws ScheduleInvalid (422) saying which field is wrong; also for more than four times an hour, and for a day that never comes
 */
export function parseSchedule(text: string): Schedule {
  const parts = text.trim().split(/\s+/)
  if (parts.length !== fields.length)
    throw refuse(`A schedule has five fields: minute, hour, day of the month, month, day of the week. This has ${parts.length}.`)
  const [minutes, hours, days, months, weekdays] = fields.map((field, i) => valuesOf(parts[i]!, field)) as [
    number[],
    number[],
    number[],
    number[],
    number[],
  ]
  if (minutes.length > mostPerHour) throw refuse(`A rule runs at most ${mostPerHour} times an hour, such as "*/15 * * * *".`)
  const isFree = (part: string) => part.startsWith('*')
  const schedule: Schedule = {
    minutes,
    hours,
    days,
    months,
    weekdays: [...new Set(weekdays.map((day) => day % 7))].sort((a, b) => a - b),
    eitherDay: !isFree(parts[2]!) && !isFree(parts[4]!),
  }
  if (nextDay(schedule, Date.UTC(2024, 0, 1)) === undefined) throw refuse('There is no such day. Check the day and the month.')
  return schedule
}

function valuesOf(part: string, field: Field): number[] {
  const found = new Set<number>()
  for (const item of part.split(',')) {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(item)
    const [, low, high, step] = match ?? []
    const from = low === undefined ? field.from : Number(low)
    const to = high !== undefined ? Number(high) : low === undefined || step !== undefined ? field.to : from
    const by = step === undefined ? 1 : Number(step)
    if (!match || from < field.from || to > field.to || from > to || by < 1)
      throw refuse(`"${item}" is no ${field.name}: it is ${field.from}–${field.to}, such as "${field.from}", "*", "1-5", "*/2" or "1,3".`)
    for (let value = from; value <= to; value += by) found.add(value)
  }
  return [...found].sort((a, b) => a - b)
}

const dayMs = 86_400_000
/** A 29 February is at most eight years away (1896 to 1904, 2096 to 2104). */
const furthestDays = 8 * 366 + 1

function fitsDay({ days, months, weekdays, eitherDay }: Schedule, at: number): boolean {
  const date = new Date(at)
  if (!months.includes(date.getUTCMonth() + 1)) return false
  const [inMonth, inWeek] = [days.includes(date.getUTCDate()), weekdays.includes(date.getUTCDay())]
  return eitherDay ? inMonth || inWeek : inMonth && inWeek
}

/** The beginning of the first day that fits, from a day on. Milliseconds since 1970. */
function nextDay(schedule: Schedule, from: number): number | undefined {
  for (let i = 0, day = Math.floor(from / dayMs) * dayMs; i < furthestDays; i++, day += dayMs) if (fitsDay(schedule, day)) return day
  return undefined
}

/**
 * When it is due for the first time after a moment.
 * @param after RFC 3339
 * @returns RFC 3339, on the minute
 */
export function nextTime(schedule: Schedule, after: string): string {
  const now = Date.parse(after)
  for (let day = nextDay(schedule, now); day !== undefined; day = nextDay(schedule, day + dayMs))
    for (const hour of schedule.hours)
      for (const minute of schedule.minutes) {
        const at = day + (hour * 60 + minute) * 60_000
        if (at > now) return new Date(at).toISOString()
      }
  throw new Error('a schedule that was read has a day that comes')
}
