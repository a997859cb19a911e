import { AppError } from '../../../core/errors.ts'
import { QuestionInvalid } from './failures.ts'
import { dayMs, hourMs } from './measurement.ts'
import { type Grain, startOf } from './rollup.ts'

export type Asked = Readonly<{ from?: string | undefined; to?: string | undefined; interval?: Grain | undefined }>
/** Times in milliseconds since 1970, on whole intervals; `to` not included. */
export type Range = Readonly<{ from: number; to: number; interval: Grain }>

const mostPoints = 1_000
const lengthOf = { hour: hourMs, day: dayMs, month: 28 * dayMs } as const

const bad = (detail: string) => new AppError(QuestionInvalid, detail)

function timeOf(text: string | undefined, name: string, fallback: number): number {
  if (text === undefined) return fallback
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw bad(`${name} is no time that there is.`)
  return time
}

/**
 * The time that is asked for, the last 7 days without any, in whole intervals: hours up to 3 days, days up to 92, else
 * months, unless it is said.
 * @throws QuestionInvalid (422)
 */
export function rangeOf({ from, to, interval }: Asked, now: number, days = 7): Range {
  const end = timeOf(to, 'to', now + 1)
  const begin = timeOf(from, 'from', end - days * dayMs)
  if (begin >= end) throw bad('from must lie before to.')
  const length = end - begin
  const grain = interval ?? (length <= 3 * dayMs ? 'hour' : length <= 92 * dayMs ? 'day' : 'month')
  if (length / lengthOf[grain] > mostPoints)
    throw bad(`That would be more than ${mostPoints} points. Ask for a coarser interval or less time.`)
  const last = startOf(grain, end - 1)
  const next = grain === 'month' ? startOf('month', last + 32 * dayMs) : last + lengthOf[grain]
  return { from: startOf(grain, begin), to: next, interval: grain }
}

export const tooMuch = () => bad('More series lie in this time than one answer is made of. Filter, take less time, or a coarser interval.')
export const tooManyPoints = (most: number) => bad(`That would be more than ${most} points. Ask for a coarser interval or less time.`)
export const iso = (ms: number): string => new Date(ms).toISOString()
export const noFilterByUser = () => bad('Use by user is kept for all prompts together. Leave the other filters out.')

/** The time of an export, to the millisecond; the last 7 days without any. @throws QuestionInvalid (422) */
export function exportRange({ from, to }: Pick<Asked, 'from' | 'to'>, now: number): { from: number; to: number } {
  const end = timeOf(to, 'to', now + 1)
  const begin = timeOf(from, 'from', end - 7 * dayMs)
  if (begin >= end) throw bad('from must lie before to.')
  if (end - begin > mostPoints * dayMs) throw bad(`That would be more than ${mostPoints} days. Ask for less time.`)
  return { from: begin, to: end }
}
