import { type Static, Type } from 'typebox'
import { Id, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'
import { recommendationOf } from './decisions.ts'
import type { Experiment, Metric } from './experiment.ts'
import { analysed, armsOf, chancesToBeBest, type Figures, totalOf } from './results.ts'
import { type Bin, binAt, estimateOf, estimatesOf, metrics } from './summaries.ts'

const MetricName = Type.Enum([...metrics], { description: 'As results name it' })
const Direction = Type.Enum(['higher', 'lower'], { description: 'Which side is better' })
const Key = Type.String({ description: 'Key of the variant' })
const Count = (description: string) => Type.Integer({ minimum: 0, description })
const Share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })
const Figure = (description: string) => Type.Number({ description })
const Interval = (description: string) => Strict({ lower: Figure('From'), upper: Figure('To') }, { description })

const MetricFigures = Strict({
  metric: MetricName,
  n: Count('Outcomes that tell it'),
  units: Count('Units that have such outcomes'),
  mean: Nullable(Type.Number(), { description: 'Per outcome; null without any' }),
  variance: Nullable(Type.Number(), { description: 'Of one unit, so that variance / units is that of the mean' }),
  quantile: Type.Optional(Strict({ quantile: Share('Which: 0.95 is p95'), value: Figure('Within 1 %') })),
})
const VariantFigures = Strict({
  key: Key,
  isControl: Type.Boolean({ description: 'What the others are compared with' }),
  weight: Figure('Its weight now'),
  exposedUnits: Count('Units whose first exposure was to it'),
  n: Count('Outcomes that tell the primary metric'),
  units: Count('Units that have such outcomes'),
  mean: Nullable(Type.Number(), { description: 'Of the primary metric, per outcome' }),
  variance: Nullable(Type.Number(), { description: 'Of the primary metric, of one unit' }),
  chanceToBeBest: Nullable(Share('In the primary metric'), { description: 'Null while a variant says nothing' }),
  metrics: Type.Array(MetricFigures, { description: 'Every metric that was told' }),
})
const Compared = Strict({
  variant: Key,
  control: Key,
  metric: MetricName,
  direction: Direction,
  role: Type.Enum(['primary', 'secondary', 'guardrail'], { description: 'What the test looks at it for' }),
  lift: Nullable(
    Strict({
      estimate: Figure('Relative to the control: 0.05 is five per cent more'),
      interval: Interval('For one look, planned beforehand'),
      alwaysValid: Interval('Right however often it is looked at, for all variants together'),
      pValue: Share('Of one look (Welch)'),
    }),
    { description: 'Null where the control is 0, or nothing can be said yet' },
  ),
  difference: Nullable(
    Strict({
      estimate: Figure('In the unit of the metric'),
      alwaysValid: Interval('Right however often it is looked at: what decisions rest on'),
      alwaysValidPValue: Share('Right however often it is looked at'),
    }),
    { description: 'Null where nothing can be said yet' },
  ),
  adjustedPValue: Nullable(Type.Number(), { description: 'By Holm, over all goals and variants; null for guardrails' }),
  chanceToWin: Share('That the variant is better than the control'),
  expectedLoss: Strict(
    { control: Figure('Of keeping the control'), variant: Figure('Of shipping the variant') },
    { description: 'On average, relative' },
  ),
  adjusted: Type.Boolean({ description: 'By the units’ earlier means (CUPED)' }),
  verdict: Type.Enum(['better', 'worse', 'open'], { description: 'What the always-valid interval says' }),
  error: Nullable(Type.String(), { description: 'Why nothing can be said, such as ZERO_NEGATIVE_VARIANCE' }),
})
const Rail = Strict({
  variant: Key,
  metric: MetricName,
  direction: Direction,
  maxRegression: Figure('Relative: 0.05 allows five per cent'),
  regression: Nullable(Type.Number(), { description: 'By how much it is worse, relative; below 0 it is better' }),
  lower: Nullable(Type.Number(), { description: 'At least, always-valid for all guardrails together' }),
  upper: Nullable(Type.Number(), { description: 'At most, always-valid for all guardrails together' }),
  state: Type.Enum(['holds', 'crossed', 'open'], { description: 'Whether it is sure' }),
})
const Ratio = Strict({
  pValue: Share('That a right split is as far from the expected one'),
  alarm: Type.Boolean({ description: 'Below 0.001: no result can be believed' }),
  phases: Type.Array(
    Strict({
      phase: Count('Counted from 1'),
      expected: Type.Array(Share('Part of a variant')),
      units: Type.Array(Count('Units of a variant')),
      pValue: Share('Of this phase'),
    }),
  ),
})

export const Results = Strict(
  {
    testId: Id,
    status: Type.Enum(['draft', 'running', 'paused', 'completed'], { description: 'Of the test' }),
    startedAt: Nullable(Timestamp),
    at: Timestamp,
    metric: Strict({ primary: MetricName, direction: Direction, quantile: Type.Optional(Share('Which')) }),
    variants: Type.Array(VariantFigures, { description: 'The control first' }),
    comparisons: Type.Array(Compared, { description: 'Each variant against the control, by metric' }),
    guardrails: Type.Array(Rail),
    sampleRatio: Ratio,
    outcomes: Strict(
      {
        counted: Count('For the variant that the unit was exposed to'),
        earlier: Count('Before the first exposure of their unit: they make comparisons sharper'),
        unexposed: Count('Of units without exposure: for no variant'),
        contradicting: Count('Naming a variant that their unit was never exposed to: for none'),
      },
      { description: 'What became of what was told' },
    ),
    series: Type.Array(Strict({ at: Timestamp, variant: Key, metric: MetricName, n: Count('Outcomes'), mean: Figure('Of them') }), {
      description: 'By the hour, or by the day after a week',
    }),
    recommendation: Strict({
      action: Type.Enum(['start', 'continue', 'investigate', 'stop', 'ship', 'keep_control', 'done'], { description: 'What to do' }),
      winner: Nullable(Type.String(), { description: 'Whom to go on with' }),
      reason: Type.String({ description: 'In words' }),
    }),
    winner: Nullable(Type.String(), { description: 'Of a test that has ended; it stays, whatever came later' }),
  },
  { $id: 'ABTestResults' },
)
export type Results = Static<typeof Results>

/** What results tell beside the analysis. `lost`: by the keys of variants that nobody is to be served by, why. */
type Rest = Pick<Results, 'outcomes' | 'series'> & Readonly<{ lost: ReadonlyMap<string, string> }>

/** The metrics that a test looks at, each once. */
export const metricsOf = ({ metric, secondary, guardrails }: Experiment): Metric[] => [
  ...new Set([metric.primary, ...secondary.map((aim) => aim.metric), ...guardrails.map((rail) => rail.metric)]),
]

/** What is told of a test. @param now RFC 3339 */
export function reportOf(test: Experiment, figures: Figures, { lost, ...rest }: Rest, now: string): Results {
  const found = analysed(test, figures)
  const best = chancesToBeBest(test, figures)
  const { primary, direction, quantile } = test.metric
  return {
    testId: test.id,
    status: test.status,
    startedAt: test.startedAt,
    at: now,
    metric: { primary, direction, ...(quantile !== undefined && { quantile }) },
    variants: test.variants.map((_, i) => variantOf(test, figures, i, best[i]!)),
    comparisons: found.comparisons.map((one) => ({ ...one, control: test.variants[0]!.key })),
    guardrails: [...found.guardrails],
    sampleRatio: {
      ...found.sampleRatio,
      phases: found.sampleRatio.phases.map((one) => ({ ...one, expected: [...one.expected], units: [...one.units] })),
    },
    ...rest,
    recommendation: recommendationOf(test, found, armsOf(test, figures), now, lost),
    winner: test.winner,
  }
}

function variantOf(test: Experiment, figures: Figures, i: number, chanceToBeBest: number | null): Results['variants'][number] {
  const { key, weight } = test.variants[i]!
  const told = metrics.map((metric) => metricFigures(test, figures, key, metric)).filter(({ n }) => n > 0)
  const primary = metricFigures(test, figures, key, test.metric.primary)
  const exposedUnits = figures.exposed.filter(({ variant }) => variant === key).reduce((sum, { units }) => sum + units, 0)
  const { n, units, mean, variance } = primary
  return { key, isControl: i === 0, weight, exposedUnits, n, units, mean, variance, chanceToBeBest, metrics: told }
}

function metricFigures(
  { metric: { primary, quantile } }: Experiment,
  figures: Figures,
  key: string,
  metric: Metric,
): Static<typeof MetricFigures> {
  const sums = totalOf(figures, key, metric)
  const { mean, variance } = estimateOf(sums)
  const facts = { metric, n: sums.n, units: sums.units, mean: sums.n === 0 ? null : mean, variance: sums.n === 0 ? null : variance }
  if (metric !== primary || quantile === undefined || sums.n === 0) return facts
  return { ...facts, quantile: { quantile, value: binAt(binsOf(figures, key), quantile) } }
}

const binsOf = (figures: Figures, key: string): Bin[] =>
  figures.bins
    .filter(({ variant }) => variant === key)
    .flatMap((one) => one.bins)
    .sort((a, b) => a.value - b.value)

export const PowerReport = Strict(
  {
    testId: Id,
    metric: MetricName,
    unitsPerVariant: Count('Of the variant that has the fewest'),
    baseline: Nullable(Type.Number(), { description: 'The control’s mean, or its quantile where that is compared; null without outcomes' }),
    effects: Type.Array(Strict({ relative: Figure('0.05 is five per cent'), power: Share('To find it with the units so far') }), {
      description: 'Power so far, always-valid, by the size of the effect',
    }),
    minimumDetectableEffect: Nullable(Type.Number(), {
      description: 'Relative; found with power 0.8 with the units so far; null: none is large enough',
    }),
    unitsPerDay: Nullable(Type.Number(), { description: 'Of all variants, since the start; null in the first hour' }),
  },
  { $id: 'ABTestPower' },
)
export type PowerReport = Static<typeof PowerReport>

/** What the control shows of the primary metric or its quantile, as a baseline of planning; null while it says nothing. */
export function baselineOf({ variants, metric }: Experiment, figures: Figures): Readonly<{ mean: number; variance: number }> | null {
  const { key } = variants[0]!
  const stratum = { sums: totalOf(figures, key, metric.primary), bins: binsOf(figures, key) }
  const { mean, variance } = estimatesOf([stratum], metric.quantile)[0]!
  return variance > 0 && mean !== 0 ? { mean, variance } : null
}
