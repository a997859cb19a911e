import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashes, type Range, rangesOf, reweighed, type Weighted } from './ranges.ts'

const keys = ['a', 'b', 'c', 'd', 'e'] as const
const weighted = (weights: readonly number[]): Weighted[] => weights.map((weight, i) => ({ key: keys[i]!, weight }))
const sizes = (ranges: readonly Range[]): Record<string, number> => {
  const by: Record<string, number> = {}
  for (const { variant, start, end } of ranges) by[variant] = (by[variant] ?? 0) + end - start
  return by
}
/** The mass whose variant is another one. */
function moved(before: readonly Range[], after: readonly Range[]): number {
  let mass = 0
  for (const a of before)
    for (const b of after) if (a.variant !== b.variant) mass += Math.max(0, Math.min(a.end, b.end) - Math.max(a.start, b.start))
  return mass
}
const weights = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0.001, max: 1, noNaN: true })), {
    minLength: 2,
    maxLength: 5,
  })
  .filter((all) => all.some((weight) => weight > 0))

describe('the ranges of a test', () => {
  test('begin as one per variant, at the floor of the cumulative weight', () => {
    expect(rangesOf(weighted([1, 1, 1]))).toEqual([
      { variant: 'a', start: 0, end: 1431655765 },
      { variant: 'b', start: 1431655765, end: 2863311530 },
      { variant: 'c', start: 2863311530, end: hashes },
    ])
    expect(rangesOf(weighted([0, 5, 0]))).toEqual([
      { variant: 'a', start: 0, end: 0 },
      { variant: 'b', start: 0, end: hashes },
      { variant: 'c', start: hashes, end: hashes },
    ])
  })

  test.each([[[0, 0]], [[-1, 2]], [[Number.NaN, 1]], [[Number.POSITIVE_INFINITY, 1]], [[]]])('refuse the weights %j', (bad) => {
    expect(() => rangesOf(weighted(bad))).toThrow(RangeError)
  })

  test('a shrinking variant gives the end of its range, and nobody else moves', () => {
    const before = rangesOf(weighted([50, 50]))
    expect(reweighed(before, weighted([40, 60]))).toEqual([
      { variant: 'a', start: 0, end: Math.floor(0.4 * hashes) },
      { variant: 'b', start: Math.floor(0.4 * hashes), end: hashes },
    ])
    const third = reweighed(rangesOf(weighted([50, 50])), weighted([40, 40, 20]))
    expect(third.map(({ variant }) => variant)).toEqual(['a', 'c', 'b', 'c'])
  })

  test('after any changes of weights cover everything once, in the wanted sizes, having moved only what had to', () => {
    fc.assert(
      fc.property(fc.array(weights, { minLength: 2, maxLength: 12 }), (changes) => {
        let ranges = rangesOf(weighted(changes[0]!))
        for (const change of changes.slice(1)) {
          const next = reweighed(ranges, weighted(change))
          expect(next.map(({ start }) => start)).toEqual([0, ...next.slice(0, -1).map(({ end }) => end)])
          expect(next.at(-1)!.end).toBe(hashes)
          const [had, wanted] = [sizes(ranges), sizes(rangesOf(weighted(change)))]
          for (const key of keys) expect(sizes(next)[key] ?? 0).toBe(wanted[key] ?? 0)
          const least = keys.reduce((sum, key) => sum + Math.max(0, (had[key] ?? 0) - (wanted[key] ?? 0)), 0)
          expect(moved(ranges, next)).toBe(least)
          ranges = next
        }
      }),
      { numRuns: 300 },
    )
  })

  test('the same weights again, in another unit, move nobody and add no range', () => {
    const ranges = reweighed(rangesOf(weighted([1, 2, 3])), weighted([3, 2, 1]))
    expect(reweighed(ranges, weighted([30, 20, 10]))).toEqual(ranges)
  })

  test('a thousand small changes, as a bandit makes them, leave a number of ranges that can still be read', () => {
    let ranges = rangesOf(weighted([1, 1, 1]))
    for (let i = 1; i <= 1000; i++) ranges = reweighed(ranges, weighted([1 + Math.sin(i), 1 + Math.cos(i / 3), 1.5]))
    expect(ranges.length).toBeLessThan(2000)
  })
})
