import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPace } from './pace.ts'

const limits = { busyPerSecond: 100, sampleMs: 200, busyRest: 10, behindRest: 4, behindMs: 5_000, longestRestMs: 1_000 }
const at = (secondsAgo: number) => new Date(Date.now() - secondsAgo * 1_000).toISOString()
const paceOf = () => createPace(limits, () => new Date().toISOString())

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'Date'] }))
afterEach(() => void vi.useRealTimers())

test('a follower rests after its work while many write, less when it has fallen behind, and not for long', () => {
  const pace = paceOf()
  pace.note(1_000)
  expect([pace.isBusy(), pace.restMs(50, at(1))]).toEqual([false, 0])
  vi.advanceTimersByTime(1_000)
  pace.note(1_101)
  expect(pace.isBusy()).toBe(true)
  expect([pace.restMs(50, at(1)), pace.restMs(50, undefined), pace.restMs(50, at(6)), pace.restMs(5_000, at(1))]).toEqual([
    500, 500, 200, 1_000,
  ])
})

test('it is calm again two seconds after the last burst', () => {
  const pace = paceOf()
  pace.note(0)
  vi.advanceTimersByTime(200)
  pace.note(50)
  vi.advanceTimersByTime(1_999)
  pace.note(60)
  expect(pace.isBusy()).toBe(true)
  vi.advanceTimersByTime(1)
  expect(pace.isBusy()).toBe(false)
})

test('a rate is taken over a time that says something: a few events at once are no burst', () => {
  const pace = paceOf()
  pace.note(0)
  vi.advanceTimersByTime(10)
  pace.note(15)
  expect(pace.isBusy()).toBe(false)
  vi.advanceTimersByTime(190)
  pace.note(15)
  expect(pace.isBusy()).toBe(false)
})
