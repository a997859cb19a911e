import { CompiledQuery } from 'kysely'
import type { Db } from '../../core/db.ts'
import type { Job } from '../../core/jobs.ts'
import type { AcrossWorkspaces, JobOrigin } from '../../core/runtime.ts'
import { type Attempt, type Envelope, failuresOf, pairOf, type Sql } from './attempts.ts'
import type { Ended, Log, RunOutcome } from './run.ts'
import { doneSql, releaseSql, removeSql, retrySql } from './statements.ts'

/** A job that is out of tries, as it leaves the queue. */
export type Buried = Readonly<{
  id: string
  name: string
  payload: object
  by: JobOrigin
  tries: number
  error: string
  enqueuedAt: string
}>
/** Keeps a dead letter, in the transaction in which the job leaves the queue. */
export type Bury = (tx: Db, dead: Buried) => Promise<void>

/** Tells the database how runs ended. */
export type Settlement = Readonly<{
  /** Resolves when it is told, or cannot be told any more; who has lost the job changes nothing. @returns how it ended: `dead` is out of tries */
  settle(job: Job, attempt: Attempt, ended: Ended): Promise<RunOutcome | 'dead'>
  /** From now on what fails is not told again. */
  stop(): void
}>

/** After trouble with the database, milliseconds. */
const pauseMs = 1_000
/** Seconds before the next try, from 1–2 to 4096–8192: 2^failures, with as much again by chance, so that what failed together does not come back together. */
const backoff = (failures: number): number => 2 ** Math.min(12, failures) * (1 + Math.random())

/** Successes are told many at a time: while one statement runs, the next ones gather. */
export function createSettlement(parts: Readonly<{ query: Sql; system: AcrossWorkspaces; bury: Bury; log: Log }>): Settlement {
  let stopped = false
  const persist = async (work: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      try {
        await work()
        return
      } catch (error) {
        parts.log('the queue had trouble', { error: (error as Error).message })
        if (stopped) return
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
    }
  }
  const gathered = new Map<string, Attempt[]>()
  const tellings = new Map<string, Promise<void>>()
  const tellDone = async (name: string) => {
    await undefined // what ends in the same turn goes along
    const attempts = gathered.get(name) ?? []
    gathered.delete(name)
    await persist(() => parts.query(doneSql, [name, attempts.map(({ id }) => id), attempts.map(pairOf)]))
  }
  const done = async (attempt: Attempt): Promise<void> => {
    const { name } = attempt
    const before = gathered.get(name)
    if (before) {
      before.push(attempt)
    } else {
      gathered.set(name, [attempt])
      tellings.set(
        name,
        (tellings.get(name) ?? Promise.resolve()).then(() => tellDone(name)),
      )
    }
    await tellings.get(name)
  }
  const key = ({ name, id, attempt }: Attempt) => [name, id, attempt]

  return {
    async settle(job, attempt, { outcome, error }) {
      if (outcome === 'done') await done(attempt)
      if (outcome === 'released') await persist(() => parts.query(releaseSql, key(attempt)))
      if (outcome !== 'failed') return outcome
      const failures = failuresOf(attempt)
      if (failures < job.retries) {
        await persist(() => parts.query(retrySql, [...key(attempt), backoff(failures)]))
        return 'failed'
      }
      await persist(() => giveUp(parts, attempt, error))
      return 'dead'
    },
    stop() {
      stopped = true
    },
  }
}

/** The job leaves the queue and becomes a dead letter: both, or neither when it is not held any more. @param error what to keep of why */
export const giveUp = (
  { system, bury }: Readonly<{ system: AcrossWorkspaces; bury: Bury }>,
  { name, id, attempt }: Pick<Attempt, 'name' | 'id' | 'attempt'>,
  error: string,
): Promise<void> =>
  system(async (tx) => {
    type Removed = { data: Envelope; attempt: number; enqueuedAt: string }
    const { rows } = await tx.executeQuery<Removed>(CompiledQuery.raw(removeSql, [name, id, attempt]))
    const [removed] = rows
    if (!removed) return
    const { data, enqueuedAt } = removed
    await bury(tx, { id, name, payload: data.payload, by: data.by, tries: failuresOf(removed) + 1, error, enqueuedAt: String(enqueuedAt) })
  }, 'write')
