import type { Job } from '../../core/jobs.ts'
import { type Attempt, pairOf, type Sql } from './attempts.ts'
import { begin, type Ended, type Running, type RunParts } from './run.ts'
import type { Settlement } from './settlement.ts'
import { claimSql, unclaimSql } from './statements.ts'

/** Works on one queue in this process. */
export type Worker = Readonly<{
  /** There may be something to do. */
  wake(): void
  /** The attempts that it holds, for their sign of life. */
  held(): Attempt[]
  /** These are not held any more: their runs are told. @param pairs `id:attempt` */
  lost(pairs: ReadonlySet<string>): void
  /** Give back at once what has not begun, and let runs end for so long; the rest goes on elsewhere. @param graceMs milliseconds */
  stop(graceMs: number): Promise<void>
}>

/** Most jobs that are claimed at once, where they take next to no time. */
const mostTaken = 200
/** A claim whose jobs were all over by then is followed by a larger one; one that took longer than that, by a small one. Milliseconds. */
const [quickMs, slowMs] = [100, 1_000]
/** So long slots that have become free wait for others, so that single jobs are not claimed one by one. Milliseconds. */
const gatherMs = 20

/**
 * As many runs at a time as the job allows. A workspace has at most half of the slots, and claims go round the workspaces, so
 * that one with many jobs, or with long ones, does not keep the others waiting. Slots are filled as they become free:
 * a long run holds up no other.
 */
export function createWorker(job: Job, parts: RunParts & Readonly<{ query: Sql; settlement: Settlement }>): Worker {
  const slots = Math.min(mostTaken, Math.max(1, job.concurrency ?? 10))
  // By id and number of the attempt: an earlier attempt at the same job may still be running here.
  const inHand = new Map<string, Attempt>()
  const waiting: Attempt[] = []
  const running = new Map<string, Running>()
  let [take, claimedAt, lastClaim, moreToClaim] = [slots, 0, 0, false]
  let claiming: Promise<void> | undefined
  let [again, stopping] = [false, false]
  let timer: NodeJS.Timeout | undefined
  let soon: NodeJS.Immediate | undefined

  /** Claimed and not over: what has ended and is still to be told takes no room. */
  const unended = () => [...waiting, ...[...running.values()].map(({ attempt }) => attempt)]
  const share = () => (take > slots ? take - slots : Math.ceil(take / 2))
  const count = (of: Iterable<Attempt>) => {
    const counts: Record<string, number> = {}
    for (const { workspace } of of) counts[workspace] = (counts[workspace] ?? 0) + 1
    return counts
  }
  const adapt = async () => {
    const tookMs = performance.now() - claimedAt
    if (tookMs > slowMs) {
      take = slots
      await unclaim(waiting.splice(slots)) // others may have the time
    } else if (running.size + waiting.length < lastClaim / 2 && tookMs < quickMs) take = Math.min(mostTaken, take * 2)
  }

  async function claim(): Promise<void> {
    await adapt()
    const going = unended()
    const room = take - going.length
    if (room <= 0) return
    const counts = count(going)
    const claimed = await parts.query<Omit<Attempt, 'name'>>(claimSql, [job.name, room, share(), JSON.stringify(counts)])
    ;[claimedAt, lastClaim] = [performance.now(), claimed.length]
    moreToClaim = claimed.length > 0 || Object.values(counts).some((n) => n >= share())
    const attempts = inTurn(claimed).map((one) => ({ ...one, name: job.name }))
    for (const one of attempts) inHand.set(pairOf(one), one)
    if (stopping) return unclaim(attempts)
    waiting.push(...attempts)
    fill()
  }
  const unclaim = async (attempts: readonly Attempt[]) => {
    if (attempts.length > 0) await parts.query(unclaimSql, [job.name, attempts.map(({ id }) => id), attempts.map(pairOf)])
    for (const one of attempts) inHand.delete(pairOf(one))
  }
  const pump = () => {
    clearTimeout(timer)
    clearImmediate(soon)
    soon = timer = undefined
    again = true
    claiming ??= (async () => {
      while (again && !stopping) {
        again = false
        await claim().catch((error: Error) => parts.log('the queue had trouble', { error: error.message }))
      }
    })().finally(() => {
      claiming = undefined
    })
  }
  /** The first that waits and whose workspace has not half of the slots, as long as another one waits as well. */
  const next = (): Attempt | undefined => {
    const counts = count([...running.values()].map(({ attempt }) => attempt))
    const at = waiting.findIndex(({ workspace }) => (counts[workspace] ?? 0) < Math.ceil(slots / 2))
    return waiting.splice(at, at < 0 ? 0 : 1)[0]
  }
  const fill = () => {
    while (running.size < slots && waiting.length > 0) {
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
      if (stopping) return
      fill()
      refill()
    })
    void run.ended.then((ended) => settle(attempt, ended, (performance.now() - began) / 1000))
  }
  const settle = async (attempt: Attempt, ended: Ended, seconds: number) => {
    const outcome = await parts.settlement.settle(job, attempt, ended)
    inHand.delete(pairOf(attempt))
    parts.watchers.ran?.({ queue: job.name, outcome, seconds })
    refill()
  }
  /** Claim more for the slots that are free, unless the database does not keep up with what has ended. */
  const refill = () => {
    if (stopping || !moreToClaim || inHand.size > 2 * take) return
    if (waiting.length + running.size <= take / 2) soon ??= setImmediate(pump)
    else timer ??= setTimeout(pump, gatherMs)
  }

  return {
    wake: () => void (stopping || pump()),
    held: () => [...inHand.values()],
    lost(pairs) {
      for (const pair of pairs) running.get(pair)?.abort('taken over')
    },
    async stop(graceMs) {
      stopping = true
      clearTimeout(timer)
      clearImmediate(soon)
      await claiming
      await unclaim(waiting.splice(0)).catch(() => undefined) // the database is away: they are taken back like those of a dead worker
      for (const run of running.values()) run.abort('closing')
      await within(graceMs, allSettled(inHand))
      await Promise.all([...inHand.values()].map((attempt) => parts.settlement.settle(job, attempt, { outcome: 'released', error: '' })))
    },
  }
}

/** One of each workspace, then the next of each. */
function inTurn<A extends { id: string; workspace: string }>(claimed: readonly A[]): A[] {
  const turns = new Map<string, number>()
  return [...claimed]
    .sort((a, b) => (a.id < b.id ? -1 : 1)) // ids are made in the order of time
    .map((one) => {
      const turn = turns.get(one.workspace) ?? 0
      turns.set(one.workspace, turn + 1)
      return { one, turn }
    })
    .sort((a, b) => a.turn - b.turn)
    .map(({ one }) => one)
}

async function allSettled(inHand: ReadonlyMap<string, unknown>): Promise<void> {
  while (inHand.size > 0) await new Promise((resolve) => setTimeout(resolve, 10))
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([work, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))])
  clearTimeout(timer)
}
