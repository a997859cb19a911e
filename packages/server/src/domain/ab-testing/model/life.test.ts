import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { draftOf } from './draft.ts'
import { exposureIdOf, readExposureId } from './exposure-id.ts'
import { assertFree, freeParts, sharedOut, started } from './life.ts'

const draft = draftOf(
  { name: 't', variants: ['a', 'b', 'c'].map((key) => ({ key, promptId: key })) },
  { id: 'id', seed: 'seed', by: 'me', at: '2026-01-01T00:00:00.000Z' },
)
const running = started(draft, [1, 2, 3], '2026-01-02T00:00:00.000Z')
/** As the database gives it back: fields in another order. */
const stored = (test: typeof running): typeof running =>
  JSON.parse(
    JSON.stringify(test, (_, value) =>
      value && typeof value === 'object' && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).reverse()) : value,
    ),
  )

describe('sharing traffic out', () => {
  test('opens a phase for each change, counted without gaps, and none where nothing changes', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            coverage: fc.double({ min: 0, max: 1, noNaN: true }),
            weights: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 3, maxLength: 3 }),
          }),
          { maxLength: 8 },
        ),
        (changes) => {
          let now = running
          for (const change of changes) {
            now = sharedOut(stored(now), change, 'later')
            expect(sharedOut(stored(now), change, 'later still').phases.length).toBe(now.phases.length)
            expect(sharedOut(stored(now), {}, 'later still').phases.length).toBe(now.phases.length)
            expect(now.ranges).toEqual(now.phases.at(-1)!.ranges)
            expect(now.variants.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12)
          }
          expect(now.phases.map(({ n }) => n)).toEqual(now.phases.map((_, i) => i + 1))
        },
      ),
      { numRuns: 100 },
    )
  })

  test('refuses weights that are all 0', () => expect(() => sharedOut(running, { weights: [0, 0, 0] }, 'later')).toThrow('above 0'))
})

describe('a namespace', () => {
  const slot = (start: number, end: number) => ({ name: 'n', start, end })
  test.each([
    [[], [[0, 10_000]]],
    [[slot(0, 10_000)], []],
    [
      [slot(5, 7), slot(0, 2), slot(6, 9)],
      [
        [2, 5],
        [9, 10_000],
      ],
    ],
  ])('of which %j is taken has free %j', (taken, free) => expect(freeParts(taken).map(({ start, end }) => [start, end])).toEqual(free))
  test('parts that only touch do not overlap', () => {
    assertFree(slot(2, 5), [slot(0, 2), slot(5, 6)])
    expect(() => assertFree(slot(2, 6), [slot(5, 7)])).toThrow('Free: 0–5, 7–10000')
  })
})

test('an exposure id says what it was made of, for its own test alone; whatever else is none', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: 0, max: 9 }), (testId, phase, variant) => {
      const exposed = { phase, variant, unitHash: '0123456789abcdef' }
      const id = exposureIdOf(testId, exposed)
      expect([id.length <= 40, readExposureId(testId, id), readExposureId(`${testId}x`, id)]).toEqual([true, exposed, undefined])
    }),
  )
  for (const id of ['', 'x', '1.0.0123456789abcdef.AAAAAAAAAAA', '1.0.0123456789abcdef']) expect(readExposureId('t', id)).toBeUndefined()
})
