import { daysOf } from './decisions.ts'
import type { Experiment } from './experiment.ts'
import { type Design, minimumRelativeEffect, powerOfRelative } from './planning.ts'
import { baselineOf, type PowerReport } from './report.ts'
import { type Figures, levelOf, totalOf } from './results.ts'

const sizes = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]

/** What a test can find with the units that it has, by the sequence that decides it. @param now RFC 3339 */
export function powerOf(test: Experiment, figures: Figures, now: string): PowerReport {
  const { primary, direction } = test.metric
  const units = test.variants.map(({ key }) => totalOf(figures, key, primary).units)
  const perArm = Math.min(...units)
  const baseline = baselineOf(test, figures)
  const design: Design = { alpha: levelOf(test), sides: 2, expectedSampleSize: test.statistics.expectedSampleSize }
  const sign = direction === 'lower' ? -1 : 1
  const days = daysOf(test, now)
  const usable = baseline !== null && perArm > 1
  return {
    testId: test.id,
    metric: primary,
    unitsPerVariant: perArm,
    baseline: baseline?.mean ?? null,
    effects: usable ? sizes.map((size) => ({ relative: sign * size, power: powerOfRelative(baseline, sign * size, perArm, design) })) : [],
    minimumDetectableEffect: usable
      ? minimumRelativeEffect(baseline, perArm, 0.8, design, direction === 'lower' ? 'decrease' : 'increase')
      : null,
    unitsPerDay: days >= 1 / 24 ? units.reduce((sum, n) => sum + n, 0) / days : null,
  }
}
