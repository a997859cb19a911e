import type { Worker } from 'node:worker_threads'
import type { Progress } from './progress.ts'

/** A thread that gets hardly any CPU is given this many times its limit by the clock. */
const starved = 20

/**
 * Look after a thread until it is stopped. What counts is the CPU time of the thread, so that a busy machine does not make
 * expressions slow; where it cannot be known, and at the latest after 20 times the limit, the clock.
 * @param limitMs for each task of the batch
 * @param late called once, when a task took longer
 * @returns stop
 */
export function watch(thread: () => Worker | undefined, progress: Progress, limitMs: number, late: (at: number) => void): () => void {
  let seen = -1
  let since = 0
  let stopped = false
  let asking = false
  const look = async () => {
    const at = progress.at()
    const now = performance.now()
    if (at !== seen) {
      seen = at
      since = now
    }
    if (at < 0 || asking || now - since < limitMs) return
    asking = true
    const used = now - since > starved * limitMs ? Number.POSITIVE_INFINITY : await cpuSince(thread(), progress.cpuAtBegin())
    asking = false
    if (stopped || progress.at() !== at || used < limitMs) return
    stop()
    late(at)
  }
  const timer = setInterval(look, limitMs / 4)
  const stop = () => {
    stopped = true
    clearInterval(timer)
  }
  return stop
}

/** @returns milliseconds; infinite where the thread cannot tell */
async function cpuSince(worker: Worker | undefined, begin: number): Promise<number> {
  if (!worker || Number.isNaN(begin) || typeof worker.cpuUsage !== 'function') return Number.POSITIVE_INFINITY
  // Rejected when the thread has ended: whoever waits for its answer hears of that.
  const used = await worker.cpuUsage().catch(() => undefined)
  return used ? (used.user + used.system) / 1_000 - begin : 0
}
