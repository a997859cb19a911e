import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loads, nextLevel, type Pressure, thresholds } from './load.ts'

const calm: Pressure = { delayMs: 0, inFlight: 0, queueMs: 0 }

test.each([
  ['nothing to do', calm, 0],
  ['a loop that is a little late', { ...calm, delayMs: 99 }, 0],
  ['a loop that is late', { ...calm, delayMs: 100 }, 1],
  ['later', { ...calm, delayMs: 250 }, 2],
  ['later still', { ...calm, delayMs: 400 }, 3],
  ['a loop that hardly turns', { ...calm, delayMs: 1_000 }, 4],
  ['many in flight', { ...calm, inFlight: 500 }, 1],
  ['very many in flight', { ...calm, inFlight: 4_000 }, 4],
  ['a queue for the database', { ...calm, queueMs: 600 }, 2],
  ['a database that does not answer, which reads may not need', { ...calm, queueMs: 60_000 }, 3],
])('%s: of the four classes so many are refused', (_, pressure, level) => {
  expect(nextLevel(0, pressure)).toBe(level)
})

test('the classes are refused in one order, by every measure: exports first, reads last', () => {
  for (const [i, load] of loads.slice(1).entries()) {
    const [before, after] = [thresholds[loads[i]!], thresholds[load]]
    expect([before.delayMs < after.delayMs, before.inFlight < after.inFlight, before.queueMs < after.queueMs]).toEqual([true, true, true])
    expect(before.retryAfter).toBeGreaterThan(after.retryAfter)
  }
})

test('it goes down by one class at a time, and not before the pressure is half of what it was refused for', () => {
  const at = (delayMs: number) => ({ ...calm, delayMs })
  expect(nextLevel(4, at(600))).toBe(4)
  expect(nextLevel(4, at(499))).toBe(3)
  expect(nextLevel(3, at(250))).toBe(3)
  expect([nextLevel(3, calm), nextLevel(2, calm), nextLevel(1, calm), nextLevel(0, calm)]).toEqual([2, 1, 0, 0])
})

test('it never flickers at a steady pressure, and calm ends all of it within four looks', () => {
  const pressure = fc.record({
    delayMs: fc.integer({ min: 0, max: 3_000 }),
    inFlight: fc.integer({ min: 0, max: 9_000 }),
    queueMs: fc.integer({ min: 0, max: 6_000 }),
  })
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4 }), pressure, (level, steady) => {
      const levels = [level]
      for (let look = 0; look < 8; look++) levels.push(nextLevel(levels.at(-1)!, steady))
      const changes = levels.slice(1).filter((next, i) => next !== levels[i])
      expect(new Set(changes.map((next) => Math.sign(next - level))).size).toBeLessThanOrEqual(1)
      let after = levels.at(-1)!
      for (let look = 0; look < 4; look++) after = nextLevel(after, calm)
      expect(after).toBe(0)
    }),
  )
})
