import normal_cdf from '@stdlib/stats-base-dists-normal-cdf'
import { type Binned, binned, falseDiscovery, ksDistance, ksPValue, psi } from './distributions.ts'
import type { Tally } from './tally.ts'

/** Uses, and ratings, that each of the two times needs for a verdict. */
const fewest = { uses: 100, ratings: 30 }
const alpha = 0.05

type Verdict = 'none' | 'minor' | 'major' | 'not_enough_data'
type Side = { uses: number; mean: number | null }
type Effect = { measure: 'cohensH' | 'psi'; value: number }

/** What is told of one metric. */
export type MetricDrift = {
  metric: 'successRate' | 'latencyMs' | 'costUsd' | 'satisfaction' | 'outputTokens'
  recent: Side
  baseline: Side
  change: number | null
  test: string
  pValue: number | null
  psi: number | null
  ks: number | null
  effect: Effect | null
  verdict: Verdict
  detail: string
}
export type UseDrift = { verdict: Verdict; detail: string; metrics: MetricDrift[] }

type Metric = Readonly<{
  metric: MetricDrift['metric']
  name: string
  told: (value: number) => string
  counted: 'uses' | 'ratings'
  sum: (tally: Tally) => number
  /** How many the sum is of. */
  of: (tally: Tally) => number
  /** Of a rate there are two bins. */
  counts: (recent: Tally, baseline: Tally) => Binned
  measure: Effect['measure']
  test: string
}>

const rounded = (value: number): string => String(Number(value.toPrecision(3)))
const byKs = { measure: 'psi', test: 'two-sample Kolmogorov–Smirnov on the sketches’ bins' } as const

const metrics: readonly Metric[] = [
  {
    metric: 'successRate',
    name: 'success',
    told: (rate) => `${rounded(rate * 100)} %`,
    counted: 'uses',
    sum: (t) => t.requests - t.errors,
    of: (t) => t.requests,
    counts: (recent, baseline) => ({
      recent: [recent.errors, recent.requests - recent.errors],
      baseline: [baseline.errors, baseline.requests - baseline.errors],
    }),
    measure: 'cohensH',
    test: 'two-proportion z',
  },
  {
    metric: 'latencyMs',
    name: 'latency',
    told: (ms) => `${rounded(ms)} ms`,
    counted: 'uses',
    sum: (t) => t.latencyUs / 1_000,
    of: (t) => t.requests,
    counts: (recent, baseline) => binned(recent.latency, baseline.latency),
    ...byKs,
  },
  {
    metric: 'costUsd',
    name: 'cost',
    told: (usd) => `$${rounded(usd)}`,
    counted: 'uses',
    sum: (t) => t.costMicros / 1e6,
    of: (t) => t.requests - t.unpriced,
    counts: (recent, baseline) => binned(recent.cost, baseline.cost),
    ...byKs,
  },
  {
    metric: 'outputTokens',
    name: 'output length',
    told: (tokens) => `${rounded(tokens)} tokens`,
    counted: 'uses',
    sum: (t) => t.outputTokens,
    of: (t) => t.requests,
    counts: (recent, baseline) => binned(recent.output, baseline.output),
    ...byKs,
  },
  {
    metric: 'satisfaction',
    name: 'satisfaction',
    told: (score) => rounded(score),
    counted: 'ratings',
    sum: (t) => t.score / 10_000,
    of: (t) => t.ratings,
    counts: (recent, baseline) => binned(recent.scores, baseline.scores),
    ...byKs,
  },
]

const total = (counts: readonly number[]): number => counts.reduce((sum, n) => sum + n, 0)

/** Two-sided test of two shares with the pooled variance (Agresti, Categorical Data Analysis, 3rd ed., 3.1.2). Bins: no, yes. */
function proportionPValue({ recent, baseline }: Binned): number {
  const [n, m] = [total(recent), total(baseline)]
  const pooled = (recent[1]! + baseline[1]!) / (n + m)
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
  return error === 0 ? 1 : 2 * normal_cdf(-Math.abs(recent[1]! / n - baseline[1]! / m) / error, 0, 1)
}

/** Cohen's h of two shares (Cohen 1988, 6.2): 0.2 is small, 0.5 medium. Here below 0 where the recent one is lower. */
function cohensH({ recent, baseline }: Binned): number {
  const angle = (counts: readonly number[]) => 2 * Math.asin(Math.sqrt(counts[1]! / total(counts)))
  return angle(recent) - angle(baseline)
}

/** From which size on an effect is a minor, and a major drift (Cohen 1988; Siddiqi 2006). */
const limits = { cohensH: [0.2, 0.5], psi: [0.1, 0.25] } as const

function verdictOf(pValue: number, { measure, value }: Effect): Verdict {
  if (pValue >= alpha) return 'none'
  const [minor, major] = limits[measure]
  return Math.abs(value) >= major ? 'major' : Math.abs(value) >= minor ? 'minor' : 'none'
}

type Judged = Readonly<{ metric: Metric; told: Omit<MetricDrift, 'verdict' | 'detail' | 'pValue'>; raw: number | null }>

function compared(metric: Metric, recent: Tally, baseline: Tally): Judged | undefined {
  const counts = metric.counts(recent, baseline)
  const side = (tally: Tally, own: readonly number[]): Side => {
    const of = metric.of(tally)
    return { uses: total(own), mean: of === 0 ? null : metric.sum(tally) / of }
  }
  const [now, before] = [side(recent, counts.recent), side(baseline, counts.baseline)]
  if (now.uses + before.uses === 0) return undefined
  const change = now.mean === null || !before.mean ? null : (now.mean - before.mean) / before.mean
  const told = { metric: metric.metric, recent: now, baseline: before, change, test: metric.test }
  if (Math.min(now.uses, before.uses) < fewest[metric.counted])
    return { metric, raw: null, told: { ...told, psi: null, ks: null, effect: null } }
  const [index, ks] = [psi(counts), ksDistance(counts)]
  const isRate = metric.measure === 'cohensH'
  const raw = isRate ? proportionPValue(counts) : ksPValue(ks, now.uses, before.uses)
  const effect: Effect = { measure: metric.measure, value: isRate ? cohensH(counts) : index }
  return { metric, raw, told: { ...told, psi: index, ks, effect } }
}

/**
 * How use lately differs from before. Each metric is tested (its share of successes, or its distribution), p-values are
 * corrected for their number, and drift is told where p < 0.05 and the effect has a size that matters: tests take uses for
 * independent, which those of one user or batch are not, and find the smallest difference in enough of them.
 * @param recent,baseline all use of either time
 * @param days how many days each is, for the words
 */
export function driftOf(recent: Tally, baseline: Tally, days: Readonly<{ recent: number; baseline: number }>): UseDrift {
  const judged = metrics.flatMap((metric) => compared(metric, recent, baseline) ?? [])
  const tested = judged.filter(({ raw }) => raw !== null)
  const corrected = falseDiscovery(tested.map(({ raw }) => raw!))
  const told = judged.map((one): MetricDrift => {
    const pValue = one.raw === null ? null : corrected[tested.indexOf(one)]!
    const verdict = pValue === null || one.told.effect === null ? 'not_enough_data' : verdictOf(pValue, one.told.effect)
    return { ...one.told, pValue, verdict, detail: wordsOf(one, pValue, verdict) }
  })
  return { ...summed(told, days), metrics: told }
}

function wordsOf({ metric, told: { recent, baseline, change, psi: index, ks, effect } }: Judged, pValue: number | null, verdict: Verdict) {
  const mean = ({ uses, mean: value }: Side) => `${value === null ? 'nothing' : metric.told(value)} in ${uses}`
  const moved = change === null ? '' : ` (${change >= 0 ? '+' : ''}${rounded(change * 100)} %)`
  const is = `Mean ${metric.name}: ${mean(recent)} recent ${metric.counted}, ${mean(baseline)} before${moved}.`
  if (pValue === null) return `${is} A verdict needs ${fewest[metric.counted]} in each.`
  const p = pValue < 0.001 ? 'p < 0.001' : `p = ${rounded(pValue)}`
  const size = effect!.measure === 'psi' ? `PSI ${rounded(index!)}, KS ${rounded(ks!)}` : `Cohen’s h ${rounded(effect!.value)}`
  if (pValue >= alpha) return `${is} No difference is to be seen (${size}, ${p}).`
  return `${is} ${verdict === 'none' ? 'There is a difference, but a small one' : `A ${verdict} difference`} (${size}, ${p}).`
}

const rank: readonly Verdict[] = ['not_enough_data', 'none', 'minor', 'major']

/** The gravest verdict, in words. */
function summed(told: readonly MetricDrift[], { recent, baseline }: { recent: number; baseline: number }): Omit<UseDrift, 'metrics'> {
  const span = `the last ${recent} days against the ${baseline} before`
  if (told.length === 0)
    return { verdict: 'not_enough_data', detail: `No use of the prompt was measured in ${span}, so nothing can be said of it.` }
  const verdict = rank[Math.max(...told.map((one) => rank.indexOf(one.verdict)))]!
  if (verdict === 'not_enough_data')
    return {
      verdict,
      detail: `Too little was measured in ${span}: a verdict needs ${fewest.uses} uses, or ${fewest.ratings} ratings, in each.`,
    }
  const nameOf = (metric: string) => metrics.find((one) => one.metric === metric)!.name
  const namesOf = (wanted: Verdict) => told.filter((one) => one.verdict === wanted).map(({ metric }) => nameOf(metric))
  const parts = (['major', 'minor'] as const).flatMap((size) => {
    const names = namesOf(size)
    return names.length === 0 ? [] : [`${size} drift of ${names.join(', ')}`]
  })
  return { verdict, detail: parts.length === 0 ? `No drift in ${span}.` : `In ${span}: ${parts.join('; ')}.` }
}
