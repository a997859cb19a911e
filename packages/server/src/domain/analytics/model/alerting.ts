import type { FieldError } from '../../../core/errors.ts'
import { type AlertRule, type Evaluation, type FullRule, fullRule } from './alert.ts'
import { hourMs } from './measurement.ts'
import { isTotal, type Measured, measure, type Part } from './metrics.ts'
import { startOf } from './rollup.ts'
import { emptyTally, type Tally } from './tally.ts'

/** What deviations are reckoned from: the middle of earlier windows and how far they usually lie from it. */
export type Baseline = Readonly<{ median: number; spread: number; windows: number }>
/** What is known of a baseline in an hour (milliseconds since 1970); null: there was too little to make one of. */
export type StoredBaseline = Readonly<{ hour: number; baseline: Baseline | null }>

/** Windows that a baseline is made of at least. */
const fewestWindows = 8

/** What makes no sense in rules that fit the schema. */
export function faultsOf(rules: readonly AlertRule[]): FieldError[] {
  const names = new Set<string>()
  return rules.flatMap((rule, i) => {
    const twice = names.has(rule.name) ? [fault(i, 'name', 'Another rule has this name; names are unique.')] : []
    names.add(rule.name)
    return [...twice, ...faultsOfOne(fullRule(rule), i)]
  })
}

const fault = (i: number, field: string, detail: string): FieldError => ({ pointer: `/items/${i}/${field}`, code: 'invalid', detail })

function faultsOfOne({ threshold, deviations, direction, clear, baselineDays, windowHours }: FullRule, i: number): FieldError[] {
  const level = threshold ?? deviations
  if (level === undefined || (threshold !== undefined && deviations !== undefined))
    return [fault(i, 'threshold', 'Say either threshold or deviations.')]
  const faults: FieldError[] = []
  if (threshold !== undefined && direction === 'either') faults.push(fault(i, 'direction', 'A threshold has one side: above or below.'))
  const inverted = clear !== undefined && (threshold !== undefined && direction === 'below' ? clear < level : clear > level)
  if (inverted) faults.push(fault(i, 'clear', 'It would be clear while it is beyond what it fires at. Move it to the other side.'))
  if (deviations !== undefined && (baselineDays * 24) / windowHours < fewestWindows)
    faults.push(fault(i, 'baselineDays', `A baseline needs ${fewestWindows} windows at least: more days, or a shorter window.`))
  return faults
}

/** Where the window of a rule begins: in the course of this hour. Milliseconds since 1970. */
export const windowStart = (rule: FullRule, now: number): number => startOf('hour', now) - rule.windowHours * hourMs

/**
 * A metric over the last hours up to now. The window slides: of the hour in which it begins a sum counts the part that lies
 * in it, so that nothing jumps when an hour is over.
 * @param hours tallies by the beginning of their hour
 */
export function measureWindow(rule: FullRule, hours: ReadonlyMap<number, Tally>, now: number): Measured {
  const first = windowStart(rule, now)
  const elapsed = (now - startOf('hour', now)) / hourMs
  const parts: Part[] = []
  for (let at = first; at <= now; at += hourMs) parts.push({ tally: hours.get(at) ?? emptyTally(), part: at === first ? 1 - elapsed : 1 })
  return measure(rule.metric, parts)
}

const middle = (sorted: readonly number[]): number => {
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
const ordered = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)

/**
 * Median and spread for the modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993): 1.4826 times
 * the median absolute deviation; where more than half of the values are the same 1.2533 times the mean one. Never below 1 %
 * of the median, which is what the sketches are good for.
 * @returns undefined for fewer than 8 values, or where there is no spread at all
 */
export function robustBaseline(values: readonly number[]): Baseline | undefined {
  if (values.length < fewestWindows) return undefined
  const median = middle(ordered(values))
  const away = values.map((value) => Math.abs(value - median))
  const mad = middle(ordered(away))
  const spread = mad > 0 ? 1.4826 * mad : (1.2533 * away.reduce((sum, one) => sum + one, 0)) / away.length
  const least = Math.abs(median) * 0.01
  return spread > 0 || least > 0 ? { median, spread: Math.max(spread, least), windows: values.length } : undefined
}

/** The baseline of a rule from the whole windows before its own, beginning with the first hour in which anything was measured. */
export function baselineOf(rule: FullRule, hours: ReadonlyMap<number, Tally>, now: number): Baseline | undefined {
  const end = windowStart(rule, now)
  const begin = Math.min(...hours.keys())
  const length = rule.windowHours * hourMs
  const values: number[] = []
  for (let to = end; to - length >= Math.max(begin, end - rule.baselineDays * 24 * hourMs); to -= length) {
    const parts: Part[] = []
    for (let at = to - length; at < to; at += hourMs) parts.push({ tally: hours.get(at) ?? emptyTally(), part: 1 })
    const { value, events } = measure(rule.metric, parts)
    if (value !== null && (isTotal(rule.metric) || events >= Math.max(1, rule.minimumEvents))) values.push(value)
  }
  return robustBaseline(values)
}

const shown = (value: number): string => String(Number(value.toPrecision(4)))
const windowText = ({ windowHours }: FullRule) => (windowHours === 1 ? 'the last hour' : `the last ${windowHours} hours`)

/** What a rule says of a value. @param baseline for rules with deviations */
export function evaluate(rule: FullRule, { value, events }: Measured, baseline: Baseline | undefined, now: string): Evaluation {
  const found = { at: now, value, events, deviation: null }
  const unknown = (detail: string): Evaluation => ({ ...found, verdict: 'no_data', detail })
  if (value === null || events < rule.minimumEvents)
    return unknown(
      `${Math.floor(events)} events in ${windowText(rule)}: too few to judge ${rule.metric} by (at least ${rule.minimumEvents}).`,
    )
  const head = `${rule.metric} was ${shown(value)} in ${windowText(rule)}`
  if (rule.threshold !== undefined) {
    const { threshold, clear = threshold } = rule
    const sign = rule.direction === 'below' ? -1 : 1
    const verdict = sign * value > sign * threshold ? 'breached' : sign * value <= sign * clear ? 'clear' : 'between'
    return { ...found, verdict, detail: `${head}; it fires ${rule.direction} ${shown(threshold)} and clears at ${shown(clear)}.` }
  }
  if (!baseline) return unknown(`${head}; there are not ${fewestWindows} earlier windows that differ to compare it with.`)
  const deviation = (value - baseline.median) / baseline.spread
  const { deviations = 0, clear = deviations / 2 } = rule
  const score = rule.direction === 'either' ? Math.abs(deviation) : rule.direction === 'below' ? -deviation : deviation
  const verdict = score > deviations ? 'breached' : score <= clear ? 'clear' : 'between'
  const detail = `${head}, ${shown(deviation)} robust standard deviations from ${shown(baseline.median)}, the median of ${baseline.windows} windows before; it fires beyond ${shown(deviations)} and clears at ${shown(clear)}.`
  return { ...found, deviation, verdict, detail }
}

/** Times are RFC 3339. `turningAt`: since when it has looked as if the state ought to change. */
export type Standing = Readonly<{ state: 'ok' | 'firing'; since: string; turningAt: string | null; evaluatedAt: string | null }>

/** Beyond this nobody looked in between, and what was before says nothing of the time since. Milliseconds. */
const gapMs = 5 * 60_000

/**
 * The state after an evaluation. It changes only when every look for `forMinutes` has said so: beyond the threshold to fire,
 * back at the clear level to clear; where there is no data it stays.
 */
export function step(before: Standing, { verdict, at }: Pick<Evaluation, 'verdict' | 'at'>, forMinutes: number): Standing {
  const turns = verdict === (before.state === 'ok' ? 'breached' : 'clear')
  const looked = { ...before, evaluatedAt: at }
  if (!turns) return { ...looked, turningAt: null }
  const seen = before.evaluatedAt !== null && Date.parse(at) - Date.parse(before.evaluatedAt) <= gapMs
  const turningAt = (seen && before.turningAt) || at
  if (Date.parse(at) - Date.parse(turningAt) < forMinutes * 60_000) return { ...looked, turningAt }
  return { state: before.state === 'ok' ? 'firing' : 'ok', since: at, turningAt: null, evaluatedAt: at }
}
