import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../testing/random.ts'
import { gaussianRanks, mayReweigh, type NormalArm, thompsonWeights, topTwoWeights } from './best-arm.ts'

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const arms = (...pairs: [mean: number, stddev: number][]): NormalArm[] => pairs.map(([mean, stddev]) => ({ mean, stddev }))
const anyArms = fc.array(
  fc.record({ mean: fc.double({ min: -100, max: 100, noNaN: true }), stddev: fc.double({ min: 0.001, max: 50, noNaN: true }) }),
  {
    minLength: 2,
    maxLength: 8,
  },
)

describe('which arm is the best', () => {
  test('is what drawing from the posteriors says', () => {
    const given = arms([1, 0.5], [1.3, 0.1], [0.4, 1.5], [1.2, 0.4])
    const { best, second } = gaussianRanks(given)
    const [first, next] = [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]
    const source = random(7)
    const draws = 100_000
    for (let i = 0; i < draws; i++) {
      const values = given.map(({ mean, stddev }) => source.normal(mean, stddev))
      const order = [0, 1, 2, 3].sort((a, b) => values[b]! - values[a]!)
      first[order[0]!]!++
      next[order[1]!]!++
    }
    for (const i of [0, 1, 2, 3]) {
      expect(Math.abs(first[i]! / draws - best[i]!)).toBeLessThan(0.008) // five standard deviations
      expect(Math.abs(next[i]! / draws - second[i]!)).toBeLessThan(0.008)
    }
  })

  test('adds up to 1, and does not depend on the order, the origin or the unit', () => {
    fc.assert(
      fc.property(anyArms, fc.double({ min: 0.01, max: 1000, noNaN: true }), (given, unit) => {
        const { best, second } = gaussianRanks(given)
        expect(sum(best)).toBeCloseTo(1, 9)
        expect(sum(second)).toBeCloseTo(1, 9)
        const backwards = gaussianRanks(given.toReversed().map(({ mean, stddev }) => ({ mean: (mean + 3) * unit, stddev: stddev * unit })))
        for (const [i, p] of backwards.best.toReversed().entries()) expect(p).toBeCloseTo(best[i]!, 8)
      }),
      { numRuns: 100 },
    )
  })

  test('is the mirror image where lower is better', () => {
    fc.assert(
      fc.property(anyArms, (given) => {
        const mirrored = gaussianRanks(given.map(({ mean, stddev }) => ({ mean: -mean, stddev })))
        for (const [i, p] of gaussianRanks(given, 'min').best.entries()) expect(p).toBeCloseTo(mirrored.best[i]!, 10)
      }),
      { numRuns: 50 },
    )
  })

  test.each<[string, NormalArm[], number[]]>([
    ['one far narrower than the others is not missed', arms([0, 1000], [1, 1e-6], [0, 1000]), [0.375, 0.25, 0.375]],
    ['arms without spread: the highest', arms([1, 0], [2, 0], [0, 0]), [0, 1, 0]],
    ['equal arms without spread share', arms([2, 0], [2, 0], [0, 0]), [0.5, 0.5, 0]],
    ['nothing known of anything', arms([0, 0], [0, 0]), [0.5, 0.5]],
  ])('%s', (_, given, expected) => {
    for (const [i, p] of gaussianRanks(given).best.entries()) expect(p).toBeCloseTo(expected[i]!, 3)
  })
})

describe('shares of traffic', () => {
  test('Thompson gives each arm its floor and the rest by P(best)', () => {
    expect(thompsonWeights({ best: [0.9, 0.1, 0], second: [0, 0, 0] }, 0.05)).toEqual([
      expect.closeTo(0.815, 12),
      expect.closeTo(0.135, 12),
      expect.closeTo(0.05, 12),
    ])
  })

  test('top-two gives the challenger a half, and is plain Thompson with two arms', () => {
    expect(topTwoWeights({ best: [0.9, 0.1, 0], second: [0.1, 0.7, 0.2] })).toEqual([0.5, expect.closeTo(0.4, 12), 0.1])
    expect(topTwoWeights({ best: [0.9, 0.1], second: [0.1, 0.9] })).toEqual([0.9, 0.1])
  })

  test('with a metric where lower is better the best arm is not starved', () => {
    const latency = arms([900, 10], [700, 10], [800, 10])
    const [slow, fast, middle] = thompsonWeights(gaussianRanks(latency, 'min'), 0.01)
    expect([fast! > 0.97, slow, middle]).toEqual([true, expect.closeTo(0.01, 6), expect.closeTo(0.01, 6)])
  })

  test('no arm changes its share before each has 100 units', () => {
    expect([mayReweigh([100, 100]), mayReweigh([99, 5000])]).toEqual([true, false])
  })
})
