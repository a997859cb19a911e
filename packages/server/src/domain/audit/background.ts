import type { Sealer } from './sealer.ts'

/** At most so often the sealer works, and an instance that does not lead carries checkpoints out. Milliseconds. */
const sealEveryMs = 700
const carryEveryMs = 5_000
/** While a transaction is under way that may still bring entries. */
const unsettledMs = 50
const afterFailureMs = 1_000
/** Without any signal: for what another instance wrote that signals nothing (refused attempts). */
const idleMs = 120_000

export type Background = Readonly<{
  /** Something may have been written: soon, look. Any number of calls make one pass. */
  schedule(): void
  /** Ends after the pass that is under way. */
  stop(): Promise<void>
}>

/** Seals where this instance leads the feed, and carries checkpoints out everywhere; nothing while nothing is written. */
export function keepSealing(parts: {
  sealer: Sealer
  /** Carry checkpoints out of the database. */
  carry: () => Promise<void>
  isLeader: () => boolean
  log: (message: string, details?: object) => void
}): Background {
  const { sealer, carry, isLeader, log } = parts
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let dueAt = Number.POSITIVE_INFINITY
  let running: Promise<void> | undefined
  let lastPass = Number.NEGATIVE_INFINITY
  let wanted = false

  const plan = (inMs: number) => {
    if (stopped || performance.now() + inMs >= dueAt) return
    dueAt = performance.now() + inMs
    clearTimeout(timer)
    timer = setTimeout(begin, inMs)
    timer.unref()
  }

  /** @returns in how many milliseconds to look again; undefined: when there is reason to */
  const pass = async (): Promise<number | undefined> => {
    const outcome = isLeader() ? await sealer.pass() : 'done'
    if (outcome === 'more') return 0
    if (outcome === 'unsettled') return unsettledMs
    await carry()
    // Whatever was signalled since the mark was taken may not have been looked for.
    return outcome === 'done' ? undefined : sealEveryMs
  }

  const begin = () => {
    dueAt = Number.POSITIVE_INFINITY
    wanted = false
    lastPass = performance.now()
    running = pass()
      .catch((error) => {
        log('the audit trail could not be sealed; it will be tried again', { error: String(error) })
        return afterFailureMs
      })
      .then((again) => {
        running = undefined
        plan(again ?? idleMs)
        if (wanted) schedule()
      })
  }

  const schedule = () => {
    if (running) wanted = true
    else plan(Math.max(0, lastPass + (isLeader() ? sealEveryMs : carryEveryMs) - performance.now()))
  }

  return {
    schedule,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
