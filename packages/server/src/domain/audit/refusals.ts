import { type Attempt, createTally, type Refusal } from './model/refusal.ts'

/** Kinds of attempts that are told apart between two writes. */
const maxKinds = 5_000
const everyMs = 60_000

export type Refusals = Readonly<{
  /** Count one; costs a look into a map. */
  note(attempt: Attempt): void
  /** Write what was counted. Never throws: what could not be written is counted on. */
  flush(): Promise<void>
  start(): void
  /** Writes a last time. */
  stop(): Promise<void>
}>

/** Refused attempts are counted here and written once a minute: a caller who is refused cannot make the service write. */
export function createRefusals(
  write: (refusals: readonly Refusal[]) => Promise<void>,
  log: (message: string, details?: object) => void,
): Refusals {
  const tally = createTally(maxKinds)
  let timer: NodeJS.Timeout | undefined
  const flush = async () => {
    const taken = tally.take()
    if (taken.length === 0) return
    await write(taken).catch((error) => {
      tally.restore(taken)
      log('refused attempts could not be written; they will be with the next', { error: String(error) })
    })
  }
  return {
    note: tally.add,
    flush,
    start() {
      timer = setInterval(() => void flush(), everyMs)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      await flush()
    },
  }
}
