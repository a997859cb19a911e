import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../../ab-testing/testing/random.ts'
import { changePoints, mostValues } from './change-points.ts'
import { senSlope, trendOf, withoutSeason } from './trend.ts'

const noise = (seed: number, n: number, level: (i: number) => number = () => 0) => {
  const source = random(seed)
  return Array.from({ length: n }, (_, i) => level(i) + source.normal(0, 1))
}
const seeds = (count: number) => Array.from({ length: count }, (_, i) => 1_000 + i)
const shareOf = (count: number, holds: (seed: number) => boolean) => seeds(count).filter(holds).length / count

describe('change-points', () => {
  test.each([20, 60, 200])('white noise of %i values has none, in 95 of 100 cases at least', (n) => {
    expect(shareOf(400, (seed) => changePoints(noise(seed, n)).length > 0)).toBeLessThanOrEqual(0.05)
  })

  test.each([
    [30, 3],
    [60, 2],
    [200, 2],
  ])('in %i values a step of %d standard deviations is found within 3 of its place, in 90 of 100 cases at least', (n, height) => {
    const found = (seed: number) => {
      const cut = Math.floor(n * 0.4)
      return changePoints(noise(seed, n, (i) => (i < cut ? 0 : height))).some((at) => Math.abs(at - cut) <= 3)
    }
    expect(shareOf(200, found)).toBeGreaterThanOrEqual(0.9)
  })

  test('two steps are two, in most cases', () => {
    const found = (seed: number) => changePoints(noise(seed, 90, (i) => (i < 30 ? 0 : i < 60 ? 4 : 1))).length === 2
    expect(shareOf(200, found)).toBeGreaterThanOrEqual(0.9)
  })

  test('a straight slope is no stair', () => {
    expect(shareOf(200, (seed) => changePoints(noise(seed, 60, (i) => i / 5)).length > 0)).toBeLessThanOrEqual(0.05)
  })

  test('a step without any noise is found where it is, and constant values have none', () => {
    expect(changePoints([...Array(10).fill(5), ...Array(10).fill(6)])).toEqual([10])
    expect(changePoints(Array(50).fill(7))).toEqual([])
    expect(changePoints([1, 2, 9])).toEqual([])
  })

  test('values of little weight move nothing', () => {
    const values = noise(3, 60)
    const weights = values.map(() => 1)
    for (const i of [20, 21, 22]) {
      values[i] = 30
      weights[i] = 0.001
    }
    expect(changePoints(values, weights)).toEqual([])
    expect(changePoints(values)).not.toEqual([])
  })

  test('neither unit nor level matters, every level is long enough, and too many values are refused', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 8, max: 80 }),
        fc.constantFrom(0.001, 1, 4_096),
        fc.integer({ min: -1e5, max: 1e5 }),
        (seed, n, unit, level) => {
          const values = noise(seed, n, (i) => (i > n / 2 ? 5 : 0))
          const cuts = changePoints(values)
          expect(changePoints(values.map((value) => value * unit + level))).toEqual(cuts)
          const bounds = [0, ...cuts, n]
          for (const [i, to] of bounds.slice(1).entries()) expect(to - bounds[i]!).toBeGreaterThanOrEqual(3)
        },
      ),
      { numRuns: 60, seed: 11 },
    )
    expect(() => changePoints(Array(mostValues + 1).fill(0))).toThrow(RangeError)
  })
})

describe('the slope', () => {
  test('its interval contains the true one in 92 of 100 cases at least, and outliers do not move it', () => {
    const xs = Array.from({ length: 40 }, (_, i) => i)
    const covered = (seed: number) => {
      const { low, high } = senSlope(
        xs,
        noise(seed, 40, (i) => i * 0.3),
      )
      return low <= 0.3 && 0.3 <= high
    }
    expect(shareOf(400, covered)).toBeGreaterThanOrEqual(0.92)
    const wild = noise(5, 40, (i) => i * 0.3)
    wild[3] = 1e6
    expect(Math.abs(senSlope(xs, wild).slope - 0.3)).toBeLessThan(0.1)
  })
})

test('a season is taken out where there are four of them', () => {
  const values = Array.from({ length: 28 }, (_, i) => (i % 7) * 10)
  const places = values.map((_, i) => i % 7)
  expect(new Set(withoutSeason(values, places, 7))).toEqual(new Set([30]))
  expect(withoutSeason(values.slice(1), places.slice(1), 7)).toBeUndefined()
})

test('a trend is told in words', () => {
  const day = 86_400_000
  const start = Date.parse('2026-01-01T00:00:00Z')
  const all = noise(2, 20, (i) => (i < 10 ? 100 : 150)).map((value, i) => ({ at: start + i * day, value, events: 50 }))
  const told = trendOf('latencyP95Ms', 'day', all)
  expect(told).toMatchObject({
    direction: 'rising',
    seasonal: false,
    changePoints: [{ at: '2026-01-11T00:00:00.000Z', change: expect.closeTo(0.5, 1) }],
  })
  expect(told.text).toMatch(
    /^latencyP95Ms is rising: .* its level went from 99\.\d|100.* to 1\d\d \(\+\d+\.\d %\) at 2026-01-11T00:00:00\.000Z\.$/,
  )
  expect(trendOf('latencyP95Ms', 'day', all.slice(0, 7))).toMatchObject({ direction: 'not_enough_data', slope: null })
})
