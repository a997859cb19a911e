import { describe, expect, test } from 'vitest'
import { anExperiment, figuresOf, measured, successes, tenDaysIn } from '../testing/figures.ts'
import { endingOf, newWeights, recommendationOf } from './decisions.ts'
import type { Experiment } from './experiment.ts'
import { analysed, armsOf, type Figures } from './results.ts'

const ending = (one: Experiment, figures: Figures, now = tenDaysIn) => endingOf(one, analysed(one, figures), armsOf(one, figures), now)
const weights = (one: Experiment, figures: Figures, now = tenDaysIn) => newWeights(one, analysed(one, figures), armsOf(one, figures), now)
const recommended = (one: Experiment, figures: Figures) => recommendationOf(one, analysed(one, figures), armsOf(one, figures), tenDaysIn)

const clear = figuresOf({ A: { success: successes(2_000, 1_600) }, B: { success: successes(2_000, 1_760) } })
const even = figuresOf({ A: { success: successes(2_000, 1_600) }, B: { success: successes(2_000, 1_610) } })

describe('a test ends by itself', () => {
  test('with the variant that is settled to be better, and says why', () => {
    expect(ending(anExperiment(), clear)).toMatchObject({
      cause: 'decided',
      winner: 'B',
      promote: false,
      evidence: { by: 'confidence_sequence', units: [2_000, 2_000] },
    })
    expect(ending(anExperiment({ autoStop: 'promote' }), clear)).toMatchObject({ winner: 'B', promote: true })
    expect(ending(anExperiment(), clear)!.reason).toMatch(
      /^The rate of success of B is 10 % higher than that of A \(surely between \+.* % and \+.* %\)\.$/,
    )
  })

  test('with the control when every variant is settled to be worse', () => {
    const worse = figuresOf({ A: { success: successes(2_000, 1_760) }, B: { success: successes(2_000, 1_600) } })
    expect(ending(anExperiment(), worse)).toMatchObject({ cause: 'decided', winner: 'A' })
  })

  test('where lower is better with the lower one', () => {
    const figures = figuresOf({ A: { costUsd: measured(2_000, 0.02, 0.01) }, B: { costUsd: measured(2_000, 0.017, 0.01) } })
    expect(ending(anExperiment({ metric: { primary: 'costUsd', direction: 'lower' } }), figures)).toMatchObject({ winner: 'B' })
    expect(ending(anExperiment({ metric: { primary: 'costUsd', direction: 'higher' } }), figures)).toMatchObject({ winner: 'A' })
  })

  test.each<[string, Partial<Experiment>, Figures]>([
    ['nothing is settled', {}, even],
    ['it is not to end by itself', { autoStop: 'off' }, clear],
    ['there are fewer units than were asked for', { minimumSampleSize: 2_001 }, clear],
    ['it has run for fewer days than were asked for', { minimumDays: 11 }, clear],
    ['it pauses', { status: 'paused' }, clear],
    ['it has ended', { status: 'completed' }, clear],
    ['the split is wrong', {}, figuresOf({ A: { success: successes(2_000, 1_600) }, B: { success: successes(1_700, 1_500) } })],
    [
      'a p-value says so, and the sequence does not',
      {},
      figuresOf({ A: { success: successes(2_000, 1_600) }, B: { success: successes(2_000, 1_655) } }),
    ],
  ])('but not while %s', (_, fields, figures) => {
    expect(ending(anExperiment(fields), figures)).toBeNull()
  })

  test('after its days in any case: with the winner that is settled, or without one', () => {
    expect(ending(anExperiment({ maxDays: 10, autoStop: 'off' }), even)).toMatchObject({ cause: 'max_days', winner: null, promote: false })
    expect(ending(anExperiment({ maxDays: 10, autoStop: 'off' }), clear)).toMatchObject({ cause: 'decided', winner: 'B', promote: false })
    expect(ending(anExperiment({ maxDays: 11 }), even)).toBeNull()
  })

  test('at once with the control when a guardrail is crossed, whatever else is true', () => {
    const one = anExperiment({
      autoStop: 'off',
      minimumDays: 30,
      guardrails: [{ metric: 'latencyMs', direction: 'lower', maxRegression: 0.05 }],
    })
    const arm = (rate: number, latency: number) => ({ success: successes(2_000, rate * 2_000), latencyMs: measured(2_000, latency, 300) })
    const found = ending(one, figuresOf({ A: arm(0.8, 800), B: arm(0.9, 1_000) }))
    expect(found).toMatchObject({ cause: 'guardrail', winner: 'A', promote: false })
    expect(found!.reason).toMatch(
      /^The latency of B is worse by more than the 5 % that are allowed \(surely by at least \d+ %\)\. Everybody gets A again\.$/,
    )
    expect(ending(one, figuresOf({ A: arm(0.8, 800), B: arm(0.9, 830) }))).toBeNull() // 4 % worse is allowed
    expect(ending(one, figuresOf({ A: { latencyMs: measured(20, 800, 10) }, B: { latencyMs: measured(20, 2_000, 10) } }))).toBeNull() // a handful of units
  })

  test('of several variants with the best of those that beat the control, each at its part of alpha', () => {
    const variants = ['A', 'B', 'C'].map((key) => ({ key, promptId: key, version: 1, label: null, weight: 1 }))
    const arm = (rate: number) => ({ success: successes(4_000, rate * 4_000) })
    expect(ending(anExperiment({ variants }), figuresOf({ A: arm(0.7), B: arm(0.76), C: arm(0.8) }))).toMatchObject({
      winner: 'C',
      evidence: { alpha: 0.025 },
    })
    expect(ending(anExperiment({ variants }), figuresOf({ A: arm(0.7), B: arm(0.6), C: arm(0.7) }))).toBeNull()
  })

  test('of a bandit by the likelihood ratio', () => {
    const one = anExperiment({ allocation: 'track_and_stop' })
    expect(ending(one, clear)).toMatchObject({ winner: 'B', evidence: { by: 'likelihood_ratio' } })
    expect(ending(one, even)).toBeNull()
    expect(ending(one, figuresOf({ A: { success: successes(200, 200) }, B: { success: successes(200, 150) } }))).toMatchObject({
      winner: 'A',
    })
    const alike = figuresOf({ A: { costUsd: measured(200, 0.1, 0) }, B: { costUsd: measured(200, 0.2, 0) } }) // nothing varies
    expect(ending(anExperiment({ allocation: 'track_and_stop', metric: { primary: 'costUsd', direction: 'lower' } }), alike)).toBeNull()
  })
})

describe('a recommendation', () => {
  test.each<[string, Partial<Experiment>, Figures, object]>([
    ['of a draft', { status: 'draft', startedAt: null, phases: [] }, even, { action: 'start', winner: null }],
    ['with a winner', {}, clear, { action: 'ship', winner: 'B' }],
    ['with a winner that is too early', { minimumDays: 14 }, clear, { action: 'continue', winner: null }],
    ['with nothing settled', {}, even, { action: 'continue', winner: null }],
    [
      'with a split that is wrong',
      {},
      figuresOf({ A: { success: successes(2_000, 1_600) }, B: { success: successes(1_700, 1_500) } }),
      { action: 'investigate', winner: null },
    ],
    ['while it pauses', { status: 'paused' }, clear, { action: 'ship', winner: 'B' }],
  ])('%s', (_, fields, figures, told) => {
    const found = recommended(anExperiment(fields), figures)
    expect(found).toMatchObject(told)
    expect(found.reason.length).toBeGreaterThan(20)
  })

  test('of a test that has ended is what was decided, whatever has come since', () => {
    const decision = { action: 'end', winner: 'B', reason: 'B won.', evidence: null, at: tenDaysIn, by: 'experiments' }
    const over = anExperiment({ status: 'completed', winner: 'B', decision })
    const turned = figuresOf({ A: { success: successes(9_000, 8_900) }, B: { success: successes(9_000, 1_000) } })
    expect(recommended(over, turned)).toEqual({ action: 'done', winner: 'B', reason: 'B won.' })
    expect(ending(over, turned)).toBeNull()
  })
})

describe('a bandit', () => {
  const bandit = (fields: Partial<Experiment> = {}) => anExperiment({ allocation: 'thompson', ...fields })

  test('gives traffic to whoever does better, and leaves the others their least share', () => {
    const shares = weights(bandit(), clear)!
    expect(shares[1]).toBeCloseTo(0.95, 2)
    expect(shares[0]).toBeGreaterThanOrEqual(0.05)
    expect(shares[0]! + shares[1]!).toBeCloseTo(1, 6)
  })

  test('does not starve the best where lower is better', () => {
    const figures = figuresOf({ A: { latencyMs: measured(500, 900, 200) }, B: { latencyMs: measured(500, 700, 200) } })
    for (const allocation of ['thompson', 'track_and_stop'] as const) {
      const shares = weights(bandit({ allocation, metric: { primary: 'latencyMs', direction: 'lower' } }), figures)
      if (allocation === 'thompson') expect(shares![1]).toBeGreaterThan(0.9)
      else expect(shares === null || Math.min(...shares) >= 0.05).toBe(true)
    }
  })

  test.each<[string, Partial<Experiment>, Figures, string]>([
    ['an arm has fewer than 100 units', {}, figuresOf({ A: { success: successes(99, 50) }, B: { success: successes(99, 90) } }), tenDaysIn],
    ['the last change was less than six hours ago', {}, clear, '2026-01-01T05:59:00.000Z'],
    ['the split is wrong', {}, figuresOf({ A: { success: successes(2_000, 1_600) }, B: { success: successes(1_700, 1_500) } }), tenDaysIn],
    ['it pauses', { status: 'paused' }, clear, tenDaysIn],
    ['traffic is shared out by hand', { allocation: 'fixed' }, clear, tenDaysIn],
    [
      'no arm varies',
      { metric: { primary: 'costUsd', direction: 'lower' } },
      figuresOf({ A: { costUsd: measured(500, 0.1, 0) }, B: { costUsd: measured(500, 0.2, 0) } }),
      tenDaysIn,
    ],
  ])('keeps its weights while %s', (_, fields, figures, now) => {
    expect(weights(bandit(fields), figures, now)).toBeNull()
  })

  test('hardly changes nothing: a share that would move by less than two in a hundred stays', () => {
    const phases = [{ n: 1, startedAt: '2026-01-01T00:00:00.000Z', coverage: 1, weights: [0.06, 0.94], ranges: [] }]
    const figures = figuresOf({ A: { success: successes(300, 150) }, B: { success: successes(4_700, 4_200) } })
    expect(weights(bandit({ phases }), figures)).toBeNull()
  })

  test('leaves an arm without weight without weight', () => {
    const variants = ['A', 'B', 'C'].map((key, i) => ({ key, promptId: key, version: 1, label: null, weight: i === 2 ? 0 : 1 }))
    expect(weights(bandit({ variants }), clear)![2]).toBe(0)
  })
})

describe('a variant that always fails', () => {
  const dead = figuresOf({
    A: { latencyMs: measured(5_000, 800, 100), success: successes(5_000, 4_500) },
    B: { latencyMs: measured(5_000, 700, 100), success: successes(5_000, 0) },
  })

  test('does not win by being fast: its guardrail is crossed', () => {
    const one = anExperiment({
      metric: { primary: 'latencyMs', direction: 'lower' },
      guardrails: [{ metric: 'success', direction: 'higher', maxRegression: 0.05 }],
      autoStop: 'promote',
    })
    expect(ending(one, dead)).toMatchObject({ cause: 'guardrail', winner: 'A', promote: false })
  })

  test.each(['fixed', 'thompson', 'track_and_stop'] as const)('loses, and is fed no longer: %s', (allocation) => {
    expect(ending(anExperiment({ allocation }), dead)).toMatchObject({ cause: 'decided', winner: 'A' })
    if (allocation === 'fixed') expect(weights(anExperiment({ allocation }), dead)).toBeNull()
    else expect(weights(anExperiment({ allocation }), dead)![1]).toBeLessThan(0.5)
  })
})

test.each(['fixed', 'thompson', 'track_and_stop'] as const)('an arm that was never served holds no decision up: %s', (allocation) => {
  const variants = ['A', 'B', 'C'].map((key, i) => ({ key, promptId: key, version: 1, label: null, weight: i === 2 ? 0 : 1 }))
  const one = anExperiment({ allocation, variants })
  const arms = (a: number, b: number) => figuresOf({ A: { success: successes(2_000, a) }, B: { success: successes(2_000, b) } })
  expect(ending(one, arms(1_000, 1_800))).toMatchObject({ cause: 'decided', winner: 'B' })
  expect(ending(one, arms(1_800, 1_000))).toMatchObject({ cause: 'decided', winner: 'A' })
})
