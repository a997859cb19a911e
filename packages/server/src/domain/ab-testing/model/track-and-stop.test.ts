import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Allocation, type Arm, allocation, leaderOf, stopping } from './track-and-stop.ts'

const options: Allocation = { epsilon: 0.05, minProb: 0.02, reg0: 0.5, optimize: 'max' }
const anyArms = fc.array(
  fc.record({
    pulls: fc.integer({ min: 1, max: 10_000 }),
    mean: fc.double({ min: -5, max: 5, noNaN: true }),
    variance: fc.double({ min: 0, max: 10, noNaN: true }),
  }),
  { minLength: 2, maxLength: 8 },
)

const withoutVariance = [1, 6716, 1, 1095, 2868].map((pulls) => ({ pulls, mean: 0, variance: 0 }))

/** What the allocation minimises, from the specification. */
function objective(arms: readonly Arm[], w: readonly number[], { epsilon, reg0 }: Allocation): number {
  const leader = leaderOf(arms, 'max')
  const terms = arms.map((arm, i) => {
    const gap2 = Math.max((arms[leader]!.mean - arm.mean + epsilon) ** 2, 1e-6)
    const of = (k: number) => Math.max(arms[k]!.variance, 1e-12) / w[k]!
    return i === leader ? 0 : (2 * (of(i) + of(leader))) / gap2
  })
  const n = arms.reduce((sum, { pulls }) => sum + pulls, 0)
  return Math.max(...terms) + (reg0 / Math.sqrt(n)) * w.reduce((sum, x) => sum + (x - 1 / w.length) ** 2, 0)
}

describe('the shares of track-and-stop', () => {
  test('add up to 1, respect the least share, and no small change of them is better', () => {
    fc.assert(
      fc.property(anyArms, (arms) => {
        const w = allocation(arms, options)
        expect(w.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 9)
        expect(Math.min(...w)).toBeGreaterThanOrEqual(options.minProb - 1e-9)
        const value = objective(arms, w, options)
        for (const i of w.keys())
          for (const j of w.keys()) {
            const step = Math.min(1e-3, w[i]! - options.minProb)
            if (i === j || step <= 0) continue
            const other = w.map((x, k) => (k === i ? x - step : k === j ? x + step : x))
            expect(objective(arms, other, options)).toBeGreaterThanOrEqual(value * (1 - 1e-6))
          }
      }),
      { numRuns: 60, examples: [[[{ pulls: 1, mean: 5e-324, variance: 10 }, ...withoutVariance]]] },
    )
  })

  test('where lower is better are those of the mirror image: the best arm is not starved', () => {
    const latency = [900, 700, 800].map((mean) => ({ pulls: 100, mean, variance: 2500 }))
    const w = allocation(latency, { ...options, epsilon: 10, optimize: 'min' })
    expect(w).toEqual(
      allocation(
        latency.map((arm) => ({ ...arm, mean: -arm.mean })),
        { ...options, epsilon: 10 },
      ),
    )
    expect(w[1]).toBeGreaterThan(w[0]!)
  })

  test('of arms between which there is no difference are equal, also without any pulls or variance', () => {
    const same = { pulls: 0, mean: 0.5, variance: 0 }
    expect(allocation([same, same, same], { ...options, epsilon: 0 })).toEqual([1 / 3, 1 / 3, 1 / 3])
  })

  test('are equal when the least share leaves no choice', () => {
    const arms = [0.1, 0.9].map((mean) => ({ pulls: 10, mean, variance: 0.1 }))
    expect(allocation(arms, { ...options, minProb: 0.5 })).toEqual([0.5, 0.5])
  })
})

describe('the end of track-and-stop', () => {
  const [leader, other] = [
    { pulls: 500, mean: 0.86, variance: 0.1204 },
    { pulls: 500, mean: 0.8, variance: 0.16 },
  ]
  test('waits for the closest challenger', () => {
    const far = { ...other, mean: 0.1 }
    const both = stopping(leader, [far, other], { epsilon: 0, optimize: 'max' }, 0.05)
    expect([both.stop, stopping(leader, [far], { epsilon: 0, optimize: 'max' }, 0.05).stop]).toEqual([false, true])
    expect(both.glr).toBeCloseTo(3.2097, 4)
  })

  test('does not come from arms that nobody has pulled, nor from a leader who does not lead', () => {
    for (const challenger of [
      { ...other, pulls: 0 },
      { ...other, mean: 0.9 },
    ])
      expect(stopping(leader, [challenger], { epsilon: 0, optimize: 'max' }, 0.05)).toMatchObject({ glr: 0, stop: false })
    const nobody = { ...leader, pulls: 0 }
    expect(stopping(nobody, [{ ...other, pulls: 0 }], { epsilon: 0, optimize: 'max' }, 0.05).threshold).toBeCloseTo(Math.log(20), 12)
  })

  test('is that of the mirror image where lower is better', () => {
    const slow = [
      { ...leader, mean: -0.86 },
      { ...other, mean: -0.8 },
    ] as const
    expect(stopping(slow[0], [slow[1]], { epsilon: 0, optimize: 'min' }, 0.05)).toEqual(
      stopping(leader, [other], { epsilon: 0, optimize: 'max' }, 0.05),
    )
  })

  test('of equal means the last one leads', () => expect(leaderOf([leader, leader, other], 'max')).toBe(1))
})
