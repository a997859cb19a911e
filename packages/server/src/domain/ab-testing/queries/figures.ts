import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { middleOf } from '../model/bins.ts'
import type { Metric } from '../model/experiment.ts'
import { scaleOf } from '../model/outcomes.ts'
import type { Figures } from '../model/results.ts'
import { metrics, type Sums } from '../model/summaries.ts'

type SumRow = Readonly<
  { phase: number; variant: string; moved: boolean; metric: number } & Record<
    'units' | 'n' | 'sum' | 'nn' | 'ss' | 'ns' | 'earlierUnits' | 'x' | 'xx' | 'nx' | 'sx' | 'earlierN' | 'earlierSum',
    string | number
  >
>

/** Whole numbers as they are stored in the metric's own unit. */
function sumsOf(row: SumRow, scale: number): Sums {
  const of = (name: keyof SumRow, power = 0) => Number(row[name]) / scale ** power
  return {
    units: of('units'),
    n: of('n'),
    sum: of('sum', 1),
    nn: of('nn'),
    ss: of('ss', 2),
    ns: of('ns', 1),
    earlier: {
      units: of('earlierUnits'),
      x: of('x', 1),
      xx: of('xx', 2),
      nx: of('nx', 1),
      sx: of('sx', 2),
      n: of('earlierN'),
      sum: of('earlierSum', 1),
    },
  }
}

/** All that an analysis needs, in one snapshot: rows by phase, variant and metric, however many outcomes there are. @param quantileOf the metric whose quantile is wanted */
export async function figuresOf(db: Db, testId: string, quantileOf: Metric | undefined): Promise<Figures> {
  const sums =
    await sql<SumRow>`select phase, variant, moved, metric, units, n, sum, nn, ss, ns, earlier_units, x, xx, nx, sx, earlier_n, earlier_sum
    from ab_sum where test_id = ${testId} and phase > 0`.execute(db)
  const exposed = await sql<{ phase: number; variant: string; units: number }>`
    select phase, variant, units::int as units from ab_exposed where test_id = ${testId}`.execute(db)
  return {
    sums: sums.rows.map((row) => {
      const metric = metrics[row.metric]!
      return { phase: row.phase, variant: row.variant, metric, moved: row.moved, sums: sumsOf(row, scaleOf(metric)) }
    }),
    bins: quantileOf === undefined ? [] : await binsOf(db, testId, quantileOf),
    exposed: exposed.rows,
  }
}

async function binsOf(db: Db, testId: string, metric: Metric): Promise<Figures['bins']> {
  const { rows } = await sql<{ phase: number; variant: string; bin: number; n: number }>`
    select phase, variant, bin, n::float8 as n from ab_bin where test_id = ${testId} and metric = ${metrics.indexOf(metric)} and n > 0 order by bin`.execute(
    db,
  )
  const scale = scaleOf(metric)
  return [...Map.groupBy(rows, ({ phase, variant }) => `${phase} ${variant}`).values()].map((group) => ({
    phase: group[0]!.phase,
    variant: group[0]!.variant,
    metric,
    bins: group.map(({ bin, n }) => ({ value: middleOf(bin) / scale, count: n })),
  }))
}

export type Tally = Readonly<{ counted: number; earlier: number; unexposed: number; contradicting: number }>

/** What became of the outcomes of a test. */
export async function tallyOf(db: Db, testId: string): Promise<Tally> {
  const { rows } = await sql<Tally>`
    select counted::float8 as counted, earlier::float8 as earlier, unexposed::float8 as unexposed, contradicting::float8 as contradicting
    from ab_tally where test_id = ${testId}`.execute(db)
  return rows[0] ?? { counted: 0, earlier: 0, unexposed: 0, contradicting: 0 }
}

export type Point = Readonly<{ at: string; variant: string; metric: Metric; n: number; mean: number }>
const hourlyFor = 7 * 86_400_000
const mostPoints = 20_000

/** Outcomes over time: by the hour for a test of a week, by the day for a longer one. In the order of time. @param forMs how long it has run */
export async function seriesOf(db: Db, testId: string, wanted: readonly Metric[], forMs: number): Promise<Point[]> {
  const unit = forMs > hourlyFor ? 'day' : 'hour'
  const { rows } = await sql<{ at: string; variant: string; metric: number; n: number; sum: number }>`
    select date_trunc(${unit}, at, 'UTC') as at, variant, metric, sum(n)::float8 as n, sum(sum)::float8 as sum from ab_series
    where test_id = ${testId} and metric = any(${wanted.map((metric) => metrics.indexOf(metric))}::smallint[]) group by 1, 2, 3 having sum(n) > 0
    order by 1, 2, 3 limit ${mostPoints}`.execute(db)
  return rows.map(({ at, variant, metric, n, sum }) => {
    const name = metrics[metric]!
    return { at, variant, metric: name, n, mean: sum / n / scaleOf(name) }
  })
}
