import type { Static, TSchema } from 'typebox'
import type { Ctx } from './context.ts'
import type { Db } from './db.ts'

/**
 * Slow or delayed work as one value: what it takes, how often it is tried, and what it does. To write one:
 *
 * - **It must bear to be run twice.** A worker may end between the last write of a run and the end of the run; another one
 *   then begins anew. So look first what is done already, or end the run in the transaction of its last write: `run.finish(tx)`.
 * - **Transactions are short**, each a step of its own: a few statements, no call to the outside within.
 * - `ctx` acts in the workspace and for the caller that enqueued the job, with its request id and trace. Every `ctx.transact`
 *   and every write by `ctx.system` first assures that this run still holds its job. If another worker has taken over, it
 *   throws `JobLost` and nothing is written. What goes to the outside cannot be held back so: give it a stable id.
 * - Throwing means "try again, after a pause". What went wrong for good is a result, not an error: store it and return.
 * - Work that takes long looks at `run.signal` between two steps, throws when it is aborted, and goes on from there next time.
 */
type JobSpec<S extends TSchema> = Readonly<{
  /** Unique, `context.verb_noun`. */
  name: string
  payload: S
  /** How often it is tried again after a failure, after 1–2 s, 2–4 s, 4–8 s … up to 1–2 h; then it is a dead letter. */
  retries: number
  /** Seconds that a run may take, 300 unless told; then it has failed, and cannot write any more. */
  expireInSeconds?: number
  /** Runs at a time in one process, 1 to 200; 10 unless told. One workspace has at most half of them, so that others find room. */
  concurrency?: number
  /** Cron (UTC), to the minute: once per cluster each time, in the default workspace; times missed while no process ran are made up for by one run. */
  schedule?: string
  run(payload: Static<S>, ctx: Ctx, run: JobRun): Promise<void>
}>

/** A job as the queue sees it. Without a run, as tests of a job call it, nobody can take it over. */
export type Job = Omit<JobSpec<TSchema>, 'run'> & Readonly<{ run(payload: unknown, ctx: Ctx, run?: JobRun): Promise<void> }>

/** One attempt at a job. */
export type JobRun = Readonly<{
  /** The job's id: the same for all attempts. */
  id: string
  /** Failures before this run, from 0; a worker's death or end is none. */
  failures: number
  /** Aborted when the process is to end, when the time is up, and when another worker has taken over. */
  signal: AbortSignal
  /** End the job together with what this transaction writes: both happen or neither. Nothing can be written afterwards. @throws JobLost */
  finish(tx: Db): Promise<void>
}>

/** A run that another worker has taken over, or that has ended, wanted to write. */
export class JobLost extends Error {
  override readonly name = 'JobLost'
}

const undisturbed: JobRun = { id: '', failures: 0, signal: new AbortController().signal, finish: async () => undefined }

export const job = <S extends TSchema>(spec: JobSpec<S>): Job => ({
  ...spec,
  run: (payload, ctx, run = undisturbed) => spec.run(payload as Static<S>, ctx, run),
})
