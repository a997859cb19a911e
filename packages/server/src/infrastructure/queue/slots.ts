import type { Job } from '../../core/jobs.ts'
import { unlessLate } from '../../core/unless-late.ts'
import { type Attempt, pairOf } from './attempts.ts'
import { begin, type Running, type RunParts } from './run.ts'
import type { Settlement } from './settlement.ts'

/** What a process has claimed of one queue: waiting for a slot, running, or ended and still to be told. */
export type Slots = Readonly<{
  /** How many runs there are at a time. */
  size: number
  put(attempts: readonly Attempt[]): void
  /** Those that have not begun, beyond the first so many: they are not held any more. */
  takeOut(beyond: number): Attempt[]
  /** How many have not ended, and of each workspace: what is only to be told still takes no room. */
  unended(): number
  byWorkspace(): Readonly<Record<string, number>>
  /** How many are held, and which. */
  holds(): number
  held(): Attempt[]
  /** These are not held any more: their runs are told. @param pairs `id:attempt` */
  lost(pairs: ReadonlySet<string>): void
  /** Begin nothing more, and let runs end for so long; the rest goes on elsewhere. @param graceMs milliseconds */
  stop(graceMs: number): Promise<void>
}>

/** How long the rest may take to be released at the end, milliseconds. */
const releaseMs = 2_000

/** @param freed is called whenever something has ended, and again when that is told */
export function createSlots(job: Job, size: number, parts: RunParts & Readonly<{ settlement: Settlement }>, freed: () => void): Slots {
  // By id and number of the attempt: an earlier attempt at the same job may still be running here.
  const inHand = new Map<string, Attempt>()
  const waiting: Attempt[] = []
  const running = new Map<string, Running>()
  let stopping = false

  /** The first that waits and whose workspace has less than half of the slots. */
  const next = (): Attempt | undefined => {
    const counts = count([...running.values()].map(({ attempt }) => attempt))
    const at = waiting.findIndex(({ workspace }) => (counts[workspace] ?? 0) < Math.ceil(size / 2))
    return waiting.splice(at, at < 0 ? 0 : 1)[0]
  }
  const fill = () => {
    while (!stopping && running.size < size) {
      const attempt = next()
      if (!attempt) return
      start(attempt)
    }
  }
  const start = (attempt: Attempt) => {
    const began = performance.now()
    const run = begin(job, attempt, parts)
    running.set(pairOf(attempt), run)
    void run.returned.then(() => {
      running.delete(pairOf(attempt))
      fill()
      freed()
    })
    void run.ended.then(async (ended) => {
      const seconds = (performance.now() - began) / 1000
      const outcome = await parts.settlement.settle(job, attempt, ended)
      inHand.delete(pairOf(attempt))
      parts.watchers.ran?.({ queue: job.name, outcome, seconds })
      freed()
    })
  }
  const allSettled = async () => {
    while (inHand.size > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return {
    size,
    put(attempts) {
      for (const one of attempts) inHand.set(pairOf(one), one)
      waiting.push(...attempts)
      fill()
    },
    takeOut(beyond) {
      const out = waiting.splice(beyond)
      for (const one of out) inHand.delete(pairOf(one))
      return out
    },
    unended: () => waiting.length + running.size,
    byWorkspace: () => count([...waiting, ...[...running.values()].map(({ attempt }) => attempt)]),
    holds: () => inHand.size,
    held: () => [...inHand.values()],
    lost(pairs) {
      for (const pair of pairs) running.get(pair)?.abort('taken over')
    },
    async stop(graceMs) {
      stopping = true
      for (const run of running.values()) run.abort('closing')
      await unlessLate(graceMs, allSettled())
      const released = [...inHand.values()].map((attempt) => parts.settlement.settle(job, attempt, { outcome: 'released', error: '' }))
      await unlessLate(releaseMs, Promise.all(released))
    },
  }
}

function count(attempts: readonly Attempt[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { workspace } of attempts) counts[workspace] = (counts[workspace] ?? 0) + 1
  return counts
}
