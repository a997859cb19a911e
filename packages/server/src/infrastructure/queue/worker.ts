import type { Job } from '../../core/jobs.ts'
import { type Attempt, pairOf, type Sql } from './attempts.ts'
import type { RunParts } from './run.ts'
import type { Settlement } from './settlement.ts'
import { createSlots, type Slots } from './slots.ts'
import { claimSql, unclaimSql } from './statements.ts'

/** Works on one queue in this process. */
export type Worker = Pick<Slots, 'held' | 'lost'> &
  Readonly<{
    /** There may be something to do. */
    wake(): void
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
  const slots = createSlots(job, Math.min(mostTaken, Math.max(1, job.concurrency ?? 10)), parts, () => refill())
  let [take, claimedAt, lastClaim, moreToClaim] = [slots.size, 0, 0, false]
  let claiming: Promise<void> | undefined
  let [again, stopping] = [false, false]
  let timer: NodeJS.Timeout | undefined
  let soon: NodeJS.Immediate | undefined

  /** What fails here goes to another worker, since nobody gives a sign of life for it. */
  const unclaim = async (attempts: readonly Attempt[]) => {
    if (attempts.length > 0) await parts.query(unclaimSql, [job.name, attempts.map(({ id }) => id), attempts.map(pairOf)])
  }
  const adapt = async () => {
    const tookMs = performance.now() - claimedAt
    if (tookMs > slowMs) {
      take = slots.size
      await unclaim(slots.takeOut(slots.size)) // others may have the time
    } else if (slots.unended() < lastClaim / 2 && tookMs < quickMs) take = Math.min(mostTaken, take * 2)
  }
  const claim = async () => {
    await adapt()
    const [total, byWorkspace] = [slots.unended(), slots.byWorkspace()]
    if (take <= total) return
    const share = take > slots.size ? take - slots.size : Math.ceil(take / 2)
    const claimed = await parts.query<Omit<Attempt, 'name'>>(claimSql, [job.name, take - total, share, JSON.stringify(byWorkspace)])
    claimedAt = performance.now()
    lastClaim = claimed.length
    moreToClaim = claimed.length > 0 || Object.values(byWorkspace).some((n) => n >= share)
    const attempts = inTurn(claimed).map((one) => ({ ...one, name: job.name }))
    if (stopping) return unclaim(attempts)
    slots.put(attempts)
  }
  const rest = () => {
    clearTimeout(timer)
    clearImmediate(soon)
    soon = timer = undefined
  }
  const pump = () => {
    rest()
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
  /** Claim more for the slots that are free, unless the database does not keep up with what has ended. */
  const refill = () => {
    if (stopping || !moreToClaim || slots.holds() > 2 * take) return
    if (slots.unended() <= take / 2) soon ??= setImmediate(pump)
    else timer ??= setTimeout(pump, gatherMs)
  }
  return {
    ...slots,
    wake: () => void (stopping || pump()),
    async stop(graceMs) {
      stopping = true
      rest()
      await claiming
      await unclaim(slots.takeOut(0)).catch(() => undefined) // the database is away: they are taken back like those of a dead worker
      await slots.stop(graceMs)
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
