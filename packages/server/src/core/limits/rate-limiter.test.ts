import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRateLimiter } from './rate-limiter.ts'

const taken = (limiter: ReturnType<typeof createRateLimiter>, caller: string, now: number, tries: number): number =>
  Array.from({ length: tries }, () => limiter.take(caller, now)).filter(Boolean).length

test.each([1, 2, 3, 7, 10, 60, 2_000, 33_333])('%i/s: a second’s worth at once, then as many as are earned', (perSecond) => {
  const limiter = createRateLimiter(perSecond)
  expect(taken(limiter, 'a', 5_000, perSecond + 10)).toBe(perSecond)
  expect(taken(limiter, 'a', 5_000 + 500, perSecond)).toBe(Math.floor(perSecond / 2))
  expect(taken(limiter, 'a', 100_000, 2 * perSecond)).toBe(perSecond)
})

test('in no stretch of time passes more than a second’s worth and what the time earns; and callers do not touch each other', () => {
  const sequence = fc.array(fc.record({ caller: fc.constantFrom('a', 'b'), wait: fc.double({ min: 0, max: 400, noNaN: true }) }), {
    maxLength: 200,
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), sequence, (perSecond, requests) => {
      const limiter = createRateLimiter(perSecond)
      const passed: Record<string, number[]> = { a: [], b: [] }
      let now = 1_000
      for (const { caller, wait } of requests) {
        now += wait
        const may = limiter.has(caller, now)
        expect(limiter.take(caller, now)).toBe(may)
        if (may) passed[caller]!.push(now)
      }
      for (const times of Object.values(passed))
        for (const [i, from] of times.entries())
          for (const [j, to] of times.entries())
            if (j >= i) expect(j - i + 1).toBeLessThanOrEqual(perSecond + ((to - from) / 1000) * perSecond + 1e-3)
    }),
    { numRuns: 60 },
  )
})

test('who keeps to the limit is never refused', () => {
  const limiter = createRateLimiter(100)
  for (let n = 0; n < 5_000; n++) expect(limiter.take('a', 1_000 + n * 10)).toBe(true)
})

test('a refusal costs nothing', () => {
  const limiter = createRateLimiter(10)
  expect(taken(limiter, 'a', 0, 10_000)).toBe(10)
  expect(limiter.take('a', 100)).toBe(true)
})

describe('the quota', () => {
  test('tells what is left, and when all of it or the next request is there again', () => {
    const limiter = createRateLimiter(4)
    expect(limiter.quota('a', 0)).toEqual({ limit: 4, remaining: 4, resetSeconds: 1 })
    taken(limiter, 'a', 0, 3)
    expect(limiter.quota('a', 0)).toEqual({ limit: 4, remaining: 1, resetSeconds: 1 })
    taken(limiter, 'a', 0, 3)
    expect(limiter.quota('a', 0)).toEqual({ limit: 4, remaining: 0, resetSeconds: 1 })
    expect(limiter.quota('a', 250).remaining).toBe(1)
  })

  test('after a debt says how long it lasts', () => {
    const limiter = createRateLimiter(10)
    limiter.take('a', 0)
    limiter.owe(new Map([['a', 1_000]]), 0)
    expect(limiter.quota('a', 0)).toEqual({ limit: 10, remaining: 0, resetSeconds: 2 })
    expect([limiter.take('a', 1_000), limiter.take('a', 1_101)]).toEqual([false, true])
  })
})

describe('memory', () => {
  test('is bounded: more callers than there is room for share one allowance', () => {
    const limiter = createRateLimiter(5, { callers: 3 })
    for (const caller of ['a', 'b', 'c']) expect(limiter.take(caller, 0)).toBe(true)
    const strangers = Array.from({ length: 10_000 }, (_, n) => limiter.take(`stranger-${n}`, 0)).filter(Boolean)
    expect([strangers.length, limiter.size()]).toEqual([5, 3])
    expect(limiter.has('another', 0)).toBe(false)
    expect(limiter.quota('another', 0).remaining).toBe(0)
    expect(taken(limiter, 'a', 0, 10)).toBe(4)
  })

  test('forgets who is idle, and makes room', () => {
    const limiter = createRateLimiter(5, { callers: 2 })
    limiter.take('a', 0)
    limiter.take('b', 0)
    limiter.drain(0, 10)
    limiter.take('b', 900)
    limiter.drain(1_000, 10)
    expect(limiter.size()).toBe(1)
    expect(limiter.take('c', 1_000)).toBe(true)
    expect(limiter.size()).toBe(2)
  })
})

describe('between instances', () => {
  test('tells what was let through since the last time, the most active first', () => {
    const limiter = createRateLimiter(100)
    taken(limiter, 'a', 0, 3)
    taken(limiter, 'b', 0, 9)
    taken(limiter, 'c', 0, 200)
    expect(limiter.drain(0, 2)).toEqual(
      new Map([
        ['c', 100],
        ['b', 9],
      ]),
    )
    expect([...limiter.drain(0, 9).values()]).toEqual([0, 0, 0])
  })

  test('two that tell each other let through what one would, each a second’s worth too much at the most', () => {
    const [one, two] = [createRateLimiter(100), createRateLimiter(100)]
    let passed = 0
    for (let now = 0; now < 20_000; now += 5) {
      for (const limiter of [one, two]) if (limiter.take('a', now)) passed++
      if (now % 500 === 0) {
        const [ofOne, ofTwo] = [one.drain(now, 9), two.drain(now, 9)]
        one.owe(ofTwo, now)
        two.owe(ofOne, now)
      }
    }
    expect(passed).toBeGreaterThan(100 * 20 * 0.95)
    expect(passed).toBeLessThan(100 * 20 + 2 * 100)
  })

  test('a debt ends: no news, however wrong, blocks a caller for more than two seconds', () => {
    const limiter = createRateLimiter(10)
    limiter.take('a', 0)
    limiter.owe(new Map([['a', 1e12]]), 0)
    expect([limiter.take('a', 1_000), limiter.take('a', 2_000)]).toEqual([false, true])
  })

  test('of a caller that is not known here nothing is owed', () => {
    const limiter = createRateLimiter(10)
    limiter.owe(new Map([['stranger', 5]]), 0)
    expect(limiter.size()).toBe(0)
  })
})

test('what has been let through already is charged, as a debt where nothing is left, and the debt is bounded', () => {
  const limiter = createRateLimiter(2)
  for (let n = 0; n < 1_000; n++) limiter.charge('a', 0)
  expect([limiter.take('a', 1_400), limiter.take('a', 1_501)]).toEqual([false, true])
})
