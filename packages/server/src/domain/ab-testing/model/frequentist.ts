import { criticalT, tCdf } from './distributions.ts'
import { type DifferenceType, type Effect, effectBetween } from './effect.ts'
import { oneSidedInterval, oneSidedPValue, sequentialHalfWidth, sequentialPValue } from './sequential.ts'
import type { Statistic } from './statistics.ts'

export type Alternative = 'treatment-greater' | 'treatment-lesser'
export type TestOptions = Readonly<{
  /** Level of the test, in (0, 1); 0.05 unless told. */
  alpha?: number
  differenceType?: DifferenceType
  sides?: 1 | 2
  /** Which side, of a one-sided test. */
  alternative?: Alternative
  /** Effect under the null hypothesis; 0 unless told. */
  testValue?: number
  /** N*: units of both arms at which the always-valid interval is at its narrowest. Fixed before the start; 5000 unless told. */
  tuningParameter?: number
}>

export type TestResult = Readonly<{
  expected: number
  ciLower: number
  ciUpper: number
  stderr: number
  pValue: number
  error: string | null
  pValueError: string | null
}>
const nothing: TestResult = { expected: 0, ciLower: 0, ciUpper: 0, stderr: 0, pValue: 1, error: null, pValueError: null }

type Inference = Readonly<{ pValue: number; ci: readonly [number, number] }>
const answer = (effect: Effect, { pValue, ci: [ciLower, ciUpper] }: Inference): TestResult => ({
  expected: effect.estimate,
  ciLower,
  ciUpper,
  stderr: effect.se,
  pValue,
  error: null,
  pValueError: null,
})

/** Welch's t-test of two arms, one- or two-sided: right for one look, planned beforehand. */
export function welchTest(control: Statistic, treatment: Statistic, options: TestOptions = {}): TestResult {
  const { alpha = 0.05, differenceType = 'relative', sides = 2, alternative = 'treatment-greater', testValue = 0 } = options
  const { effect, error } = effectBetween(control, treatment, differenceType)
  if (!effect) return { ...nothing, error }
  const { estimate, se, df } = effect
  const t = (estimate - testValue) / se
  const half = criticalT(alpha, df, sides) * se
  if (sides === 2) return answer(effect, { pValue: 2 * tCdf(-Math.abs(t), df), ci: [estimate - half, estimate + half] })
  return alternative === 'treatment-greater'
    ? answer(effect, { pValue: tCdf(-t, df), ci: [estimate - half, Number.POSITIVE_INFINITY] })
    : answer(effect, { pValue: tCdf(t, df), ci: [Number.NEGATIVE_INFINITY, estimate + half] })
}

/** The always-valid test of two arms: it may be looked at as often as one likes, and stopped at any look. */
export function sequentialTest(control: Statistic, treatment: Statistic, options: TestOptions = {}): TestResult {
  const { alpha = 0.05, differenceType = 'relative', sides = 2, alternative = 'treatment-greater', testValue = 0 } = options
  const tuning = { alpha, expectedSampleSize: options.tuningParameter ?? 5000 }
  const { effect, error } = effectBetween(control, treatment, differenceType)
  if (!effect) return { ...nothing, error }
  const { estimate, se, n } = effect
  const z = (estimate - testValue) / se
  if (sides === 2) {
    const half = sequentialHalfWidth(se, n, tuning)
    return answer(effect, { pValue: sequentialPValue(z, n, tuning), ci: [estimate - half, estimate + half] })
  }
  if (alpha >= 0.5) return { ...nothing, pValueError: 'ALPHA_GREATER_THAN_0.5_FOR_SEQUENTIAL_ONE_SIDED_TEST' }
  const towards = alternative === 'treatment-greater' ? 1 : -1
  return answer(effect, { pValue: oneSidedPValue(towards * z, n, tuning), ci: oneSidedInterval(effect, tuning, towards) })
}
