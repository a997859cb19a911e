import type { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createProgress } from './progress.ts'
import { watch } from './watch.ts'

const patience = { timeout: 60_000, interval: 2 }
const limitMs = 20
let stop: () => void
afterEach(() => stop())

/** A thread that has used so much CPU time, in milliseconds; undefined: it cannot tell. */
const using = (cpuMs: () => number | undefined) =>
  ({ cpuUsage: cpuMs() === undefined ? undefined : async () => ({ user: cpuMs()! * 900, system: cpuMs()! * 100 }) }) as unknown as Worker

describe('a thread that is watched', () => {
  test('is late when an expression has used its CPU time, which is told once', async () => {
    const late = vi.fn()
    const progress = createProgress()
    stop = watch(() => using(() => progress.cpuAtBegin() + limitMs), progress, limitMs, late)
    progress.begin(7)
    await vi.waitFor(() => expect(late).toHaveBeenCalledWith(7), patience)
    await new Promise((resolve) => setTimeout(resolve, 4 * limitMs))
    expect(late).toHaveBeenCalledTimes(1)
  })

  test('is not late for the time that it had to wait for a CPU, up to 20 times the limit', async () => {
    const late = vi.fn()
    const thread = vi.fn(() => using(() => progress.cpuAtBegin() + 1))
    const progress = createProgress()
    stop = watch(thread, progress, 100, late)
    progress.begin(0)
    await vi.waitFor(() => expect(late).toHaveBeenCalledWith(0), patience)
    expect(thread.mock.calls.length).toBeGreaterThan(1)
  })

  test('is late by the clock where it cannot tell', async () => {
    const late = vi.fn()
    const progress = createProgress()
    stop = watch(() => using(() => undefined), progress, limitMs, late)
    progress.begin(3)
    await vi.waitFor(() => expect(late).toHaveBeenCalledWith(3), patience)
  })

  test('is not late before it begins, after its end, or when it is no longer watched', async () => {
    const late = vi.fn()
    const progress = createProgress()
    stop = watch(() => using(() => undefined), progress, limitMs, late)
    const pause = () => new Promise((resolve) => setTimeout(resolve, 4 * limitMs))
    await pause()
    progress.begin(0)
    progress.end()
    await pause()
    progress.begin(1)
    stop()
    await pause()
    expect(late).not.toHaveBeenCalled()
  })

  test('is seen from the other side of the memory', () => {
    const progress = createProgress()
    stop = () => undefined
    createProgress(progress.memory).begin(5)
    expect([progress.at(), progress.cpuAtBegin()]).toEqual([5, expect.any(Number)])
    createProgress(progress.memory).end()
    expect(progress.at()).toBe(-1)
  })
})
