import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binned, falseDiscovery, ksDistance, ksPValue, psi } from './distributions.ts'
import { addValue, emptySketch, type Sketch } from './sketch.ts'

const sketchOf = (values: readonly number[]): Sketch => {
  const sketch = emptySketch()
  for (const value of values) addValue(sketch, value)
  return sketch
}
/** Whole numbers in any order, the same each time. */
const values = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 200 })
const series = (count: number, of: (i: number) => number) => Array.from({ length: count }, (_, i) => of(i))

describe('the distance of two distributions', () => {
  test('is 0 of the same, 1 of such as have nothing in common, and the same either way', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const [one, other] = [sketchOf(a), sketchOf(b)]
        expect(ksDistance(binned(one, one))).toBeCloseTo(0, 12)
        expect(psi(binned(one, one))).toBeCloseTo(0, 12)
        expect(ksDistance(binned(one, other))).toBeCloseTo(ksDistance(binned(other, one)), 12)
        expect(psi(binned(one, other))).toBeCloseTo(psi(binned(other, one)), 12)
        expect(psi(binned(one, other))).toBeGreaterThanOrEqual(0)
        const far = sketchOf(a.map((value) => value + 2_000_000))
        expect(ksDistance(binned(far, one))).toBeCloseTo(1, 12)
      }),
    )
  })

  test('of sketches is never more than that of the values themselves', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const share = (all: number[], upTo: number) => all.filter((value) => value <= upTo).length / all.length
        const exact = Math.max(...[...a, ...b].map((at) => Math.abs(share(a, at) - share(b, at))))
        expect(ksDistance(binned(sketchOf(a), sketchOf(b)))).toBeLessThanOrEqual(exact + 1e-12)
      }),
    )
  })

  test('is seen where every value was the same and has become another', () => {
    const [now, before] = [sketchOf(series(200, () => 50)), sketchOf(series(200, () => 100))]
    expect(psi(binned(now, before))).toBeGreaterThan(5)
    expect(ksDistance(binned(now, before))).toBe(1)
  })

  test('by PSI has the customary sizes: a tenth of a standard deviation is none, a half is a shift', () => {
    const normal = (shift: number) =>
      sketchOf(series(4_000, (i) => Math.round(10_000 + 1_000 * (shift + Math.sqrt(2) * inverseErf((2 * (i + 0.5)) / 4_000 - 1)))))
    expect(psi(binned(normal(0.1), normal(0)))).toBeLessThan(0.1)
    expect(psi(binned(normal(0.5), normal(0)))).toBeGreaterThan(0.2)
    expect(psi(binned(normal(1), normal(0)))).toBeGreaterThan(0.25)
  })
})

/** Giles 2010, of single precision. */
function inverseErf(x: number): number {
  const a = 0.147
  const l = Math.log(1 - x * x)
  const t = 2 / (Math.PI * a) + l / 2
  return Math.sign(x) * Math.sqrt(Math.sqrt(t * t - l / a) - t)
}

describe('p-values', () => {
  test('of the Kolmogorov distribution are those of the tables, and both series meet', () => {
    // Critical values of large samples (Smirnov 1948): 1.2238 for 0.10, 1.3581 for 0.05, 1.6276 for 0.01.
    const huge = 1e12
    for (const [z, p] of [
      [1.2238, 0.1],
      [1.3581, 0.05],
      [1.6276, 0.01],
      [0.8276, 0.5],
    ] as const)
      expect(ksPValue(z / Math.sqrt(huge / 2), huge, huge)).toBeCloseTo(p, 3)
    const at = (z: number) => ksPValue(z / Math.sqrt(huge / 2), huge, huge)
    expect(at(1.1799999)).toBeCloseTo(at(1.1800001), 5)
    expect([at(0), at(50)]).toEqual([1, 0])
  })

  test('fall with the distance and stay between 0 and 1', () => {
    const size = fc.integer({ min: 1, max: 1e6 })
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), size, size, (d, e, n, m) => {
        const [less, more] = [ksPValue(Math.min(d, e), n, m), ksPValue(Math.max(d, e), n, m)]
        expect(more).toBeLessThanOrEqual(less + 1e-9)
        expect(more).toBeGreaterThanOrEqual(0)
        expect(less).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('are corrected as Benjamini and Hochberg say', () => {
    expect(falseDiscovery([0.01, 0.04, 0.03, 0.005])).toEqual([0.02, 0.04, 0.04, 0.02])
    expect(falseDiscovery([0.9, 0.8])).toEqual([0.9, 0.9])
    expect(falseDiscovery([])).toEqual([])
  })
})
