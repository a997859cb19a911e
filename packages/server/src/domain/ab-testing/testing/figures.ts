import type { Experiment, Metric } from '../model/experiment.ts'
import type { Figures } from '../model/results.ts'
import { noSums, type Sums } from '../model/summaries.ts'

/** A test of A (the control) and B that has run for ten days. */
export function anExperiment(fields: Partial<Experiment> = {}): Experiment {
  const variants = fields.variants ?? ['A', 'B'].map((key) => ({ key, promptId: key, version: 1, label: null, weight: 1 }))
  const startedAt = '2026-01-01T00:00:00.000Z'
  return {
    id: '01900000-0000-7000-8000-000000000001',
    name: 'one',
    hypothesis: null,
    status: 'running',
    seed: 'seed',
    unit: 'user',
    coverage: 1,
    ranges: [],
    sticky: false,
    targeting: null,
    namespace: null,
    holdout: 0,
    forced: {},
    metric: { primary: 'success', direction: 'higher' },
    secondary: [],
    guardrails: [],
    allocation: 'fixed',
    statistics: { alpha: 0.05, sequential: true, expectedSampleSize: 5000 },
    minimumSampleSize: 100,
    maxDays: null,
    minimumDays: 0,
    autoStop: 'end',
    overlayLabel: null,
    winner: null,
    decision: null,
    phases: [{ n: 1, startedAt, coverage: 1, weights: variants.map(({ weight }) => weight), ranges: [] }],
    startedAt,
    endedAt: null,
    createdBy: 'test',
    createdAt: startedAt,
    updatedAt: startedAt,
    revision: 1,
    ...fields,
    variants,
  }
}
export const tenDaysIn = '2026-01-11T00:00:00.000Z'

/** What units add up to, each with its outcomes and, where it has one, its earlier mean. */
export function sumsOf(units: readonly Readonly<{ outcomes: readonly number[]; earlier?: number }>[]): Sums {
  const sums = structuredClone(noSums) as { -readonly [K in keyof Sums]: Sums[K] }
  const earlier = { ...noSums.earlier } as { -readonly [K in keyof Sums['earlier']]: number }
  for (const { outcomes, earlier: x } of units) {
    const [d, m] = [outcomes.length, outcomes.reduce((sum, value) => sum + value, 0)]
    if (d === 0) continue
    sums.units++
    sums.n += d
    sums.sum += m
    sums.nn += d * d
    sums.ss += m * m
    sums.ns += d * m
    if (x === undefined) continue
    earlier.units++
    earlier.x += x
    earlier.xx += x * x
    earlier.nx += d * x
    earlier.sx += m * x
    earlier.n += d
    earlier.sum += m
  }
  return { ...sums, earlier }
}

/** Units with one outcome each, of which so many succeeded. */
export const successes = (n: number, succeeded: number): Sums => ({
  ...noSums,
  units: n,
  n,
  sum: succeeded,
  nn: n,
  ss: succeeded,
  ns: succeeded,
})
/** Units with one outcome each, by their mean and standard deviation. */
export const measured = (n: number, mean: number, sd: number): Sums => ({
  ...noSums,
  units: n,
  n,
  sum: mean * n,
  nn: n,
  ss: sd ** 2 * (n - 1) + mean ** 2 * n,
  ns: mean * n,
})

type Arms = Readonly<Record<string, Partial<Record<Metric, Sums>>>>

/** Figures of phases in their order; units that were exposed are those of the first metric. */
export function figuresOf(...phases: readonly Arms[]): Figures {
  const entries = phases.flatMap((arms, i) => Object.entries(arms).map(([variant, told]) => ({ phase: i + 1, variant, told })))
  return {
    sums: entries.flatMap(({ phase, variant, told }) =>
      Object.entries(told).map(([metric, sums]) => ({ phase, variant, moved: false, metric: metric as Metric, sums })),
    ),
    bins: [],
    exposed: entries.map(({ phase, variant, told }) => ({ phase, variant, units: Object.values(told)[0]?.units ?? 0 })),
  }
}
