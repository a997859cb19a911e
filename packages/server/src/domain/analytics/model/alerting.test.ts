import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../../ab-testing/testing/random.ts'
import { type AlertRule, fullRule } from './alert.ts'
import { baselineOf, evaluate, faultsOf, measureWindow, robustBaseline, type Standing, step } from './alerting.ts'
import { flag, hourMs } from './measurement.ts'
import { count, emptyTally, type Tally } from './tally.ts'

const now = Date.parse('2026-03-10T12:30:00.000Z')
const hour = (n: number) => Date.parse('2026-03-10T12:00:00.000Z') + n * hourMs
const at = (minute: number) => new Date(now + minute * 60_000).toISOString()
type More = { [K in keyof AlertRule]?: AlertRule[K] | undefined }
const rule = (more: More = {}) =>
  fullRule({ name: 'r', metric: 'latencyP95Ms', direction: 'above', threshold: 1_000, minimumEvents: 1, ...more } as AlertRule)

function tally(requests: number, { latencyMs = 100, failed = 0 } = {}): Tally {
  const all = emptyTally()
  for (let n = 0; n < requests; n++)
    count(all, {
      occurredAt: now,
      latencyUs: latencyMs * 1_000,
      costMicros: 10,
      inputTokens: 5,
      outputTokens: 5,
      cachedTokens: null,
      ttftUs: null,
      score: null,
      flags: n < failed ? 0 : flag.success,
      userHash: null,
    })
  return all
}

describe('a rule makes no sense', () => {
  test.each<[string, More, string]>([
    ['without a level', { threshold: undefined }, '/items/0/threshold'],
    ['with two levels', { deviations: 3 }, '/items/0/threshold'],
    ['with a threshold of either side', { direction: 'either' }, '/items/0/direction'],
    ['when it is clear above what it fires at', { clear: 2_000 }, '/items/0/clear'],
    ['when it is clear below what it fires at, below', { direction: 'below', clear: 1 }, '/items/0/clear'],
    [
      'when the baseline has too few windows',
      { threshold: undefined, deviations: 3, windowHours: 24, baselineDays: 7 },
      '/items/0/baselineDays',
    ],
  ])('%s', (_, more, pointer) => expect(faultsOf([rule(more)]).map((f) => f.pointer)).toEqual([pointer]))

  test('when another one has its name', () => expect(faultsOf([rule(), rule()]).map((f) => f.pointer)).toEqual(['/items/1/name']))
})

test('a sum slides: of the hour in which the window begins the part counts that lies in it', () => {
  const hours = new Map([
    [hour(-1), tally(100)],
    [hour(0), tally(30)],
  ])
  expect(measureWindow(rule({ metric: 'requests' }), hours, now)).toEqual({ value: 80, events: 80 })
  expect(measureWindow(rule({ metric: 'successRate' }), hours, now)).toEqual({ value: 1, events: 130 })
})

describe('what a value says', () => {
  test.each<[More, number | null, number, string]>([
    [{}, 1_001, 5, 'breached'],
    [{}, 1_000, 5, 'clear'],
    [{ clear: 800 }, 900, 5, 'between'],
    [{ clear: 800 }, 800, 5, 'clear'],
    [{ direction: 'below', clear: 1_200 }, 999, 5, 'breached'],
    [{ direction: 'below', clear: 1_200 }, 1_100, 5, 'between'],
    [{ direction: 'below', clear: 1_200 }, 1_200, 5, 'clear'],
    [{}, null, 0, 'no_data'],
    [{ minimumEvents: 20 }, 5_000, 19, 'no_data'],
    [{ metric: 'requests', direction: 'below', threshold: 1, minimumEvents: 0 }, 0, 0, 'breached'],
  ])('%j: %d of %d events is %s', (more, value, events, verdict) =>
    expect(evaluate(rule(more), { value, events }, undefined, at(0)).verdict).toBe(verdict),
  )

  test.each<[More, number, string]>([
    [{ direction: 'above' }, 135, 'between'],
    [{ direction: 'above' }, 136, 'breached'],
    [{ direction: 'above' }, 10, 'clear'],
    [{ direction: 'below' }, 10, 'breached'],
    [{ direction: 'either' }, 10, 'breached'],
    [{ direction: 'either' }, 82.5, 'clear'],
    [{ direction: 'either', clear: 1 }, 82.5, 'between'],
  ])('against a baseline of 100 ± 10 %j: %d is %s', (more, value, verdict) => {
    const deviating = rule({ threshold: undefined, deviations: 3.5, ...more })
    expect(evaluate(deviating, { value, events: 50 }, { median: 100, spread: 10, windows: 20 }, at(0)).verdict).toBe(verdict)
    expect(evaluate(deviating, { value, events: 50 }, undefined, at(0)).verdict).toBe('no_data')
  })
})

describe('a baseline', () => {
  test('is not moved by a minority of wild values', () => {
    const usual = Array.from({ length: 20 }, (_, n) => 100 + (n % 5))
    const wild = robustBaseline([...usual, ...Array(8).fill(1e6)])
    expect(wild?.median).toBeLessThan(105)
    expect(wild?.spread).toBeLessThan(10)
  })
  test('has a spread where all values are the same, and is none where they are all 0 or too few', () => {
    expect(robustBaseline(Array(10).fill(1))).toEqual({ median: 1, spread: 0.01, windows: 10 })
    expect(robustBaseline(Array(10).fill(0))).toBeUndefined()
    expect(robustBaseline([1, 2, 3])).toBeUndefined()
  })
  test('counts hours without any use as 0 requests, from the first use on', () => {
    const deviating = rule({ metric: 'requests', threshold: undefined, deviations: 3 })
    const hours = new Map([
      [hour(-12), tally(50)],
      [hour(-2), tally(50)],
    ])
    expect(baselineOf(deviating, hours, now)).toMatchObject({ median: 0, windows: 11 })
  })
})

describe('the state', () => {
  const start: Standing = { state: 'ok', since: at(-60), turningAt: null, evaluatedAt: null }
  const run = (verdicts: string, forMinutes: number) => {
    const names = { b: 'breached', c: 'clear', m: 'between', n: 'no_data' } as const
    let standing = start
    return [...verdicts]
      .map((v, i) => {
        standing = step(standing, { verdict: names[v as keyof typeof names], at: at(i) }, forMinutes)
        return standing.state === 'ok' ? '.' : 'F'
      })
      .join('')
  }
  test.each([
    ['fires and clears at once without a duration', 'cbbcc', 0, '.FF..'],
    ['fires after it lasted', 'bbbbb', 3, '...FF'],
    ['does not fire for a short time', 'bbbcbbbc', 3, '........'],
    ['clears after it lasted', 'bbbbccbcccc', 3, '...FFFFFFF.'],
    ['stays between', 'bmmbmm', 0, 'FFFFFF'],
    ['does not fire without data', 'nnnnnn', 0, '......'],
    ['does not clear without data', 'bnnnnc', 0, 'FFFFF.'],
    ['begins anew after a look without data', 'bbnbbb', 3, '......'],
  ])('%s', (_, verdicts, forMinutes, states) => expect(run(verdicts, forMinutes)).toBe(states))

  test('what was before a time in which nobody looked does not count', () => {
    const first = step(start, { verdict: 'breached', at: at(0) }, 10)
    const later = step(first, { verdict: 'breached', at: at(120) }, 10)
    expect([later.state, later.turningAt]).toEqual(['ok', at(120)])
  })

  test('on a noisy border it does not flap: with clear level and duration, at most two changes in a day', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (seed) => {
        const source = random(seed)
        const noisy = rule({ clear: 800, forMinutes: 5 })
        let standing = start
        let changes = 0
        for (let minute = 0; minute < 1_440; minute++) {
          const evaluation = evaluate(noisy, { value: source.normal(1_000, 60), events: 100 }, undefined, at(minute))
          const next = step(standing, evaluation, noisy.forMinutes)
          if (next.state !== standing.state) changes++
          standing = next
        }
        expect(changes).toBeLessThanOrEqual(2)
      }),
      { numRuns: 20, seed: 7 },
    )
  })

  test('it never changes twice within its duration, whatever comes', () => {
    const verdicts = fc.array(fc.constantFrom('breached', 'between', 'clear', 'no_data'), { maxLength: 200 })
    fc.assert(
      fc.property(verdicts, fc.integer({ min: 1, max: 10 }), (all, forMinutes) => {
        let standing = start
        let last = -Infinity
        for (const [i, verdict] of all.entries()) {
          const next = step(standing, { verdict: verdict as 'clear', at: at(i) }, forMinutes)
          if (next.state !== standing.state) {
            expect(i - last).toBeGreaterThanOrEqual(forMinutes)
            last = i
          }
          standing = next
        }
      }),
    )
  })
})
