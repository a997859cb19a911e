import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../testing/random.ts'
import { type Beta, betaBest, compareRates, expectedLoss, probabilityAbove } from './beta-binomial.ts'

const whole = fc.record({ a: fc.integer({ min: 1, max: 3000 }), b: fc.integer({ min: 1, max: 3000 }) })
const broken = fc.record({ a: fc.double({ min: 0.5, max: 500, noNaN: true }), b: fc.double({ min: 0.5, max: 500, noNaN: true }) })

describe('two rates', () => {
  test('the closed form and the quadrature agree, and the two ways round add up to 1', () => {
    fc.assert(
      fc.property(whole, whole, (a, b) => {
        const closed = probabilityAbove(b, a)
        expect(betaBest([a, b])[1]).toBeCloseTo(closed, 9)
        expect(probabilityAbove(a, b)).toBeCloseTo(1 - closed, 9)
      }),
      { numRuns: 100 },
    )
  })

  test('a prior of half a success is no trouble', () => {
    fc.assert(
      fc.property(broken, broken, (a, b) => {
        expect(probabilityAbove(a, b) + probabilityAbove(b, a)).toBeCloseTo(1, 9)
      }),
      { numRuns: 50 },
    )
    expect(probabilityAbove({ a: 0.5, b: 0.5 }, { a: 0.5, b: 0.5 })).toBeCloseTo(0.5, 9)
    expect(probabilityAbove({ a: 1000.5, b: 0.5 }, { a: 1000.5, b: 0.5 })).toBeCloseTo(0.5, 9)
  })

  test('are what drawing from the posteriors says', () => {
    const [a, b]: [Beta, Beta] = [
      { a: 41, b: 11 },
      { a: 44, b: 8 },
    ]
    const source = random(11)
    const [draws, found] = [40_000, { above: 0, loss: 0 }]
    for (let i = 0; i < draws; i++) {
      const [x, y] = [source.beta(a.a, a.b), source.beta(b.a, b.b)]
      if (y > x) found.above++
      found.loss += Math.max(0, x - y)
    }
    expect(Math.abs(found.above / draws - probabilityAbove(b, a))).toBeLessThan(0.012)
    expect(Math.abs(found.loss / draws - expectedLoss(b, a))).toBeLessThan(0.001)
  })

  test('what can be lost on one side and on the other differ by the means', () => {
    fc.assert(
      fc.property(whole, whole, (a, b) => {
        const difference = b.a / (b.a + b.b) - a.a / (a.a + a.b)
        expect(expectedLoss(a, b) - expectedLoss(b, a)).toBeCloseTo(difference, 9)
      }),
      { numRuns: 50 },
    )
  })

  test('where lower is better (a rate of complaints) the lower one wins, and what is lost is the surplus', () => {
    const [few, many]: [Beta, Beta] = [
      { a: 11, b: 991 },
      { a: 31, b: 971 },
    ]
    const found = compareRates(many, few, 0.05, 'min')
    expect([found.probBBeatsA > 0.99, found.probBest[1]]).toEqual([true, found.probBBeatsA])
    expect(found.expectedLossChooseA).toBeCloseTo(found.expectedLossChooseB + 20 / 1002, 9)
    expect(betaBest([many, few, many], 'min')[1]).toBeGreaterThan(0.98)
    expect(found.ciB[0]).toBeLessThan(11 / 1002)
    expect(found.ciB[1]).toBeGreaterThan(11 / 1002)
  })

  test('a hundred million units are still told apart', () => {
    const large = (rate: number): Beta => ({ a: 1 + rate * 1e8, b: 1 + (1 - rate) * 1e8 })
    expect(probabilityAbove(large(0.5), large(0.5))).toBeCloseTo(0.5, 6)
    expect(probabilityAbove(large(0.5001), large(0.5))).toBeCloseTo(0.92135, 4) // Φ(√2), by the normal approximation
  })
})
