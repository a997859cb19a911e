import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { minimumRelativeEffect, powerAt, powerOfRelative, unitsPerArm } from './planning.ts'

const once = { alpha: 0.05, sides: 2 as const }
const baseline = { mean: 0.8, variance: 0.16 }

describe('the minimum detectable effect', () => {
  test('is found with the power that was asked for, up or down, at one look or always', () => {
    const designs = fc.constantFrom(once, { ...once, sides: 1 as const }, { ...once, expectedSampleSize: 5000 })
    fc.assert(
      fc.property(fc.integer({ min: 2000, max: 1e6 }), fc.double({ min: 0.6, max: 0.99, noNaN: true }), designs, (n, power, design) => {
        for (const direction of ['increase', 'decrease'] as const) {
          const effect = minimumRelativeEffect(baseline, n, power, design, direction)!
          expect(effect).toBeGreaterThan(0)
          if (direction === 'increase' || design.sides === 2)
            expect(powerOfRelative(baseline, direction === 'increase' ? effect : -effect, n, design)).toBeCloseTo(power, 4)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('is not there when there are too few units, or no more power than level', () => {
    expect(minimumRelativeEffect({ mean: 0.01, variance: 0.0099 }, 5, 0.8, once)).toBeNull()
    expect(minimumRelativeEffect(baseline, 1e6, 0.01, { ...once, alpha: 0.1 })).toBeNull()
  })

  test('of a negative mean is that of the positive one, the other way round', () => {
    const mirrored = minimumRelativeEffect({ ...baseline, mean: -0.8 }, 1000, 0.8, once, 'decrease')
    expect(mirrored).toBe(minimumRelativeEffect(baseline, 1000, 0.8, once, 'increase'))
  })
})

describe('power', () => {
  test('of no effect is the level', () => {
    expect(powerAt(0, 1, once, 100)).toBeCloseTo(0.05, 12)
    expect(powerAt(0, 1, { alpha: 0.05, sides: 1 }, 100)).toBeCloseTo(0.05, 12)
  })

  test('the fewest units are the fewest: one less does not do', () => {
    const enough = (n: number) => powerAt(0.06, Math.sqrt(0.2804 / n), { ...once, expectedSampleSize: 2000 }, 2 * n) >= 0.9
    const n = unitsPerArm(-0.06, [0.16, 0.1204], 0.9, () => ({ ...once, expectedSampleSize: 2000 }))!
    expect([enough(n), enough(n - 1)]).toEqual([true, false])
  })
})
