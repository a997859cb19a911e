import { type Static, Type } from 'typebox'
import { Nullable, Strict, Timestamp } from '../../../core/schemas.ts'
import { changePoints } from './change-points.ts'
import { type Measured, type Metric, MetricName } from './metrics.ts'

const Value = (description: string) => Type.Number({ description })

export const MetricTrend = Strict(
  {
    metric: MetricName,
    points: Type.Array(Strict({ at: Timestamp, value: Nullable(Type.Number(), { description: 'null: it is not known' }) }), {
      description: 'Every whole interval since the first in which something was measured',
    }),
    direction: Type.Enum(['rising', 'falling', 'steady', 'not_enough_data'], {
      description: 'steady: the interval of the slope contains 0; not_enough_data: fewer than 8 known values',
    }),
    slope: Nullable(
      Strict({
        perDay: Value('Change a day, in the unit of the metric'),
        low: Value('Of the 95 % interval'),
        high: Value('Of the 95 % interval'),
      }),
      { description: 'Theil and Sen: the median of the slopes of all pairs, which outliers do not move' },
    ),
    changePoints: Type.Array(
      Strict({
        at: Timestamp,
        before: Value('Mean level before it'),
        after: Value('Mean level from then on'),
        change: Nullable(Type.Number(), { description: 'Relative: 0.1 is 10 % more; null: it was 0 before' }),
      }),
      { description: 'When the level changed, beside the ups and downs of each day or week' },
    ),
    seasonal: Type.Boolean({ description: 'The usual ups and downs by hour of the day, or by day of the week, were taken out before' }),
    text: Type.String({ description: 'In words' }),
  },
  { $id: 'MetricTrend' },
)
export type MetricTrend = Static<typeof MetricTrend>

/** Known values that a trend is told from at least. */
const fewest = 8

/**
 * The slope of Theil and Sen with its interval from Kendall's statistic (Sen: Estimates of the Regression Coefficient Based
 * on Kendall's Tau, JASA 1968), at 95 %.
 * @param xs ascending, all different; at most 500
 */
export function senSlope(xs: readonly number[], ys: readonly number[]): { slope: number; low: number; high: number } {
  const n = xs.length
  const slopes = new Float64Array((n * (n - 1)) / 2)
  let at = 0
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) slopes[at++] = (ys[j]! - ys[i]!) / (xs[j]! - xs[i]!)
  slopes.sort()
  const half = 1.959964 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18)
  const place = (rank: number) => slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(rank)))]!
  const slope = (place(Math.floor((slopes.length - 1) / 2)) + place(Math.ceil((slopes.length - 1) / 2))) / 2
  return { slope, low: place((slopes.length - half) / 2 - 1), high: place((slopes.length + half) / 2) }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const middleOf = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}

/** Values without what is usual at their place in the season; undefined for fewer than 4 seasons. @param places from 0 to period - 1 */
export function withoutSeason(values: readonly number[], places: readonly number[], period: number): number[] | undefined {
  if (values.length < 4 * period) return undefined
  const usual = new Map(
    [...Map.groupBy(values.keys(), (i) => places[i]!)].map(([place, own]) => [place, middleOf(own.map((i) => values[i]!))]),
  )
  const level = middleOf(values)
  return values.map((value, i) => value - usual.get(places[i]!)! + level)
}

const dayMs = 86_400_000
const hourMs = 3_600_000
const shown = (value: number): string => String(Number(value.toPrecision(3)))
const percent = (change: number | null): string => (change === null ? '' : ` (${change > 0 ? '+' : ''}${(change * 100).toFixed(1)} %)`)

type Known = Readonly<{ at: number; value: number; events: number }>
export type TimedMeasure = Measured & Readonly<{ at: number }>

/** Mean levels between change-points. @param known what is told; `cuts` where new levels begin */
function levels(known: readonly Known[], cuts: readonly number[]): MetricTrend['changePoints'] {
  const bounds = [0, ...cuts, known.length]
  const means = bounds.slice(1).map((to, i) => mean(known.slice(bounds[i], to).map(({ value }) => value)))
  return cuts.map((cut, i) => {
    const [before, after] = [means[i]!, means[i + 1]!]
    return { at: new Date(known[cut]!.at).toISOString(), before, after, change: before === 0 ? null : (after - before) / Math.abs(before) }
  })
}

/** How a metric went over time. @param all in order, each a whole interval; `interval` of all of them */
export function trendOf(metric: Metric, interval: 'hour' | 'day', all: readonly TimedMeasure[]): MetricTrend {
  const points = all.map(({ at, value }) => ({ at: new Date(at).toISOString(), value }))
  const known = all.flatMap(({ at, value, events }) => (value === null ? [] : [{ at, value, events }]))
  const none = { metric, points, slope: null, changePoints: [], seasonal: false }
  if (known.length < fewest)
    return {
      ...none,
      direction: 'not_enough_data',
      text: `${metric}: ${known.length} known values, too few for a trend (at least ${fewest}).`,
    }
  const values = known.map(({ value }) => value)
  const [period, step] = interval === 'hour' ? [24, hourMs] : [7, dayMs]
  const level = withoutSeason(
    values,
    known.map(({ at }) => Math.floor(at / step) % period),
    period,
  )
  const usual = middleOf(known.map(({ events }) => events)) || 1
  const weights = known.map(({ events }) => (metric === 'requests' ? 1 : Math.max(0.01, Math.min(1, events / usual))))
  const found = levels(known, changePoints(level ?? values, weights))
  const { slope, low, high } = senSlope(
    known.map(({ at }) => at / dayMs),
    level ?? values,
  )
  const direction = low > 0 ? 'rising' : high < 0 ? 'falling' : 'steady'
  const tail = found.map(
    ({ at, before, after, change }) => `its level went from ${shown(before)} to ${shown(after)}${percent(change)} at ${at}`,
  )
  const head = `${metric} is ${direction}: ${shown(slope)} a day (95 % interval ${shown(low)} to ${shown(high)})`
  return {
    ...none,
    direction,
    slope: { perDay: slope, low, high },
    changePoints: found,
    seasonal: level !== undefined,
    text: `${[head, ...tail].join('; ')}.`,
  }
}
