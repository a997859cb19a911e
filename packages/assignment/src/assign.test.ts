import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Assignable, assign } from './assign.ts'
import { murmur3 } from './murmur3.ts'
import { hashes, rangesOf, type Weighted } from './ranges.ts'

const testOf = (seed: string, coverage: number, ...weights: number[]): Assignable => {
  const variants: Weighted[] = weights.map((weight, i) => ({ key: 'abcdefghij'[i]!, weight }))
  return { seed, coverage, variants, ranges: rangesOf(variants) }
}
const units = (n: number): string[] => Array.from({ length: n }, (_, i) => `user-${i}`)

/** How many of the units take part, and how many of them see each variant. */
function split(t: Assignable, all: readonly string[]): { enrolled: number; byArm: Record<string, number> } {
  const byArm: Record<string, number> = {}
  for (const { variant, enrolled } of all.map((unit) => assign(t, unit))) if (enrolled) byArm[variant] = (byArm[variant] ?? 0) + 1
  return { enrolled: Object.values(byArm).reduce((sum, n) => sum + n, 0), byArm }
}
/** Standard deviations that a count is away from n p. */
const away = (count: number, n: number, p: number): number => Math.abs(count - n * p) / Math.sqrt(n * p * (1 - p))

describe('an assignment', () => {
  test('is what the specification says, word for word, whatever the unit is called', () => {
    const t = testOf('seed', 0.5, 10, 30, 60)
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), fc.uuid(), fc.constantFrom('用户-1', '😊😊', 'userØ', '')), (unit) => {
        const at = murmur3(`seed:arm:${unit}`)
        const arm = t.ranges.find(({ start, end }) => start <= at && at < end)!.variant
        const enrolled = murmur3(`seed:enrol:${unit}`) < 0.5 * 2 ** 32
        expect(assign(t, unit)).toEqual(
          enrolled ? { variant: arm, enrolled, reason: 'assigned' } : { variant: 'a', enrolled, reason: 'coverage' },
        )
      }),
      { numRuns: 1000 },
    )
  })

  test.each([
    ['50/50', [50, 50]],
    ['10/30/60', [10, 30, 60]],
  ])('at coverage 10 %% splits 200,000 units %s, within binomial error', (_, weights) => {
    const { enrolled, byArm } = split(testOf('split', 0.1, ...weights), units(200_000))
    expect(away(enrolled, 200_000, 0.1)).toBeLessThan(4)
    const parts = weights.map((weight, i) => away(byArm['abc'[i]!]!, enrolled, weight / 100))
    expect(Math.max(...parts)).toBeLessThan(4)
  })

  test('two tests know nothing of each other: neither who takes part nor what they see', () => {
    const [one, two] = [testOf('first', 0.5, 1, 1), testOf('second', 0.5, 1, 1)]
    const cells = [0, 0, 0, 0]
    let both = 0
    for (const unit of units(200_000)) {
      const [a, b] = [assign(one, unit), assign(two, unit)]
      if (!a.enrolled || !b.enrolled) continue
      both++
      cells[(a.variant === 'a' ? 0 : 2) + (b.variant === 'a' ? 0 : 1)]!++
    }
    expect(away(both, 200_000, 0.25)).toBeLessThan(4)
    const chiSquare = cells.reduce((sum, n) => sum + (n - both / 4) ** 2 / (both / 4), 0)
    expect(chiSquare).toBeLessThan(16.3) // 3 degrees of freedom, p = 0.001
  })

  test('no unit changes its variant in 10,000 changes of coverage, and who was in stays in as coverage grows', () => {
    const some = units(20).concat('用户-1', '😊')
    const at = (coverage: number) => {
      const t = testOf('coverage', coverage, 50, 50)
      return some.map((unit) => assign(t, unit))
    }
    const seen = new Map<string, string>()
    let now = at(0.5)
    for (let change = 0, before = 0.5; change < 10_000; change++) {
      const coverage = murmur3(`change-${change}`) / 2 ** 32
      const next = at(coverage)
      for (const [i, { variant, enrolled }] of next.entries()) {
        if (now[i]!.enrolled && coverage >= before) expect(enrolled).toBe(true)
        if (enrolled) expect(variant).toBe(seen.get(some[i]!) ?? variant)
        if (enrolled) seen.set(some[i]!, variant)
      }
      ;[now, before] = [next, coverage]
    }
    expect(seen.size).toBe(some.length)
  })

  test('at coverage 0 nobody takes part, at 1 everybody does', () => {
    expect(split(testOf('edge', 0, 1, 1), units(5000)).enrolled).toBe(0)
    expect(split(testOf('edge', 1, 1, 1), units(5000)).enrolled).toBe(5000)
  })

  test.each([
    [[0, 1, 1], 'a'],
    [[1, 0, 1], 'b'],
    [[1, 1, 0], 'c'],
  ])('an arm without weight is never seen, wherever it stands: %j', (weights, none) => {
    const { byArm } = split(testOf('zero', 1, ...weights), units(20_000))
    expect(byArm[none]).toBeUndefined()
    expect(Object.keys(byArm).length).toBe(2)
  })

  test('the outermost hashes belong to the first and the last arm', () => {
    const t = testOf('', 1, 1, 1)
    expect([t.ranges[0]!.start, t.ranges[0]!.end, t.ranges[1]!.end]).toEqual([0, hashes / 2, hashes])
  })

  test('answers the same object for the same variant: no call allocates', () => {
    const t = testOf('same', 1, 1, 1)
    expect(new Set(units(1000).map((unit) => assign(t, unit))).size).toBe(2)
    expect(Object.isFrozen(assign(t, 'x'))).toBe(true)
  })

  test('a test that does not run shows everybody the control, and says why', () => {
    const t = testOf('state', 1, 0, 1)
    for (const [status, reason] of [
      ['draft', 'draft'],
      ['paused', 'paused'],
      ['completed', 'ended'],
    ] as const)
      expect(assign({ ...t, status }, 'u')).toEqual({ variant: 'a', enrolled: false, reason })
    expect(assign({ ...t, status: 'running' }, 'u')).toEqual({ variant: 'b', enrolled: true, reason: 'assigned' })
  })

  test('a forced unit sees what it is forced to and counts for nothing; a unit may be called constructor', () => {
    const t = { ...testOf('forced', 0, 1, 1), forced: { qa: 'b', 'ünï-😊': 'b' } }
    expect(['qa', 'ünï-😊'].map((unit) => assign(t, unit))).toEqual(Array(2).fill({ variant: 'b', enrolled: false, reason: 'forced' }))
    expect(assign(t, 'constructor').reason).toBe('coverage')
  })

  test('tests with parts of one namespace exclude each other, and each gets its part of the units', () => {
    const parts = [
      [0, 2_500],
      [2_500, 10_000],
    ] as const
    const [one, two] = parts.map(([start, end], i) => ({ ...testOf(`ns-${i}`, 1, 1, 1), namespace: { name: '首页', start, end } }))
    const all = units(20_000)
    const inOne = all.filter((unit) => assign(one!, unit).enrolled)
    expect(all.filter((unit) => assign(two!, unit).enrolled).length).toBe(all.length - inOne.length)
    expect(inOne.some((unit) => assign(two!, unit).enrolled)).toBe(false)
    expect(away(inOne.length, all.length, 0.25)).toBeLessThan(4)
    for (const unit of all.slice(0, 500)) {
      const bucket = Math.floor((murmur3(`首页:namespace:${unit}`) * 10_000) / hashes)
      expect(assign(one!, unit).reason).toBe(bucket < 2_500 ? 'assigned' : 'namespace')
    }
  })

  test('a holdout keeps the same units out of all tests that have one', () => {
    const [one, two] = ['x', 'y'].map((seed) => ({ ...testOf(seed, 1, 1, 1), holdout: 0.1 }))
    const out = (t: Assignable) => units(20_000).filter((unit) => assign(t, unit).reason === 'holdout')
    expect(out(one!)).toEqual(out(two!))
    expect(away(out(one!).length, 20_000, 0.1)).toBeLessThan(4)
  })

  test('targeting is what the caller says of it, and must be said; sticky tests are for the service', () => {
    const t = { ...testOf('aim', 1, 1, 1), targeting: 'attr.plan == "pro"' }
    expect([assign(t, 'u', true).reason, assign(t, 'u', false).reason]).toEqual(['assigned', 'targeting'])
    expect(() => assign(t, 'u')).toThrow('targeting')
    expect(() => assign({ ...testOf('aim', 1, 1, 1), sticky: true }, 'u')).toThrow('service')
  })
})
