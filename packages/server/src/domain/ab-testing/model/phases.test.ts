import { assign } from '@prompt-store/assignment'
import { describe, expect, test } from 'vitest'
import { expectedShares, firstPhase, nextPhase, type Phase } from './phases.ts'
import { sampleRatio } from './sample-ratio.ts'

const variants = (...weights: number[]) => weights.map((weight, i) => ({ key: 'abc'[i]!, weight }))
const at = '2026-11-22T12:00:00.000Z'
const later = '2026-11-23T12:00:00.000Z'
const units = Array.from({ length: 20_000 }, (_, i) => `unit-${i}`)
const seenIn = (phase: Phase) => {
  const running = { seed: 's', ...phase }
  return units.map((unit) => assign(running, unit))
}

describe('a phase of a test', () => {
  const first = firstPhase({ coverage: 0.4, variants: variants(50, 50) }, at)

  test('more coverage brings in new units and moves nobody', () => {
    const next = nextPhase(first, { coverage: 0.8 }, later)!
    expect(next).toEqual({ ...first, number: 2, coverage: 0.8, startedAt: later })
    const [before, after] = [seenIn(first), seenIn(next)]
    expect(units.filter((_, i) => before[i]!.enrolled && before[i]!.variant !== after[i]!.variant)).toEqual([])
  })

  test('other weights move the mass that must move, and open a phase with a ratio of its own', () => {
    const next = nextPhase(first, { variants: variants(40, 60) }, later)!
    const [before, after] = [seenIn(first), seenIn(next)]
    const moves = new Set(
      units.flatMap((_, i) => (before[i]!.variant === after[i]!.variant ? [] : [`${before[i]!.variant}→${after[i]!.variant}`])),
    )
    expect([...moves]).toEqual(['a→b'])
    expect(expectedShares(next)).toEqual([expect.closeTo(0.4, 9), expect.closeTo(0.6, 9)])
  })

  test('the same again is no phase, also in another unit of weight or with an arm that has none', () => {
    expect(nextPhase(first, {}, later)).toBeNull()
    expect(nextPhase(first, { coverage: 0.4, variants: variants(1, 1) }, later)).toBeNull()
    expect(nextPhase(first, { variants: variants(1, 1, 0) }, later)).toBeNull()
  })

  test('the sample ratio is right in each phase, though the sum over the phases fits no weights', () => {
    const next = nextPhase(first, { coverage: 1, variants: variants(10, 90) }, later)!
    const periods = [first, next].map((phase) => {
      const seen = seenIn(phase).filter(({ enrolled }) => enrolled)
      return { users: ['a', 'b'].map((key) => seen.filter(({ variant }) => variant === key).length), weights: expectedShares(phase) }
    })
    expect(sampleRatio(periods).alarm).toBe(false)
    const users = periods[0]!.users.map((count, i) => count + periods[1]!.users[i]!)
    expect(sampleRatio([{ users, weights: [50, 50] }]).alarm).toBe(true)
  })
})
