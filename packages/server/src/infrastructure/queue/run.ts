import type { ErrorGroups } from '../../core/error-groups.ts'
import { isAppError } from '../../core/errors.ts'
import { type Job, JobLost, type JobRun } from '../../core/jobs.ts'
import type { JobOrigin, Runtime } from '../../core/runtime.ts'
import { type Tracing, traced } from '../../core/tracing.ts'
import { type Attempt, assertHeld, failuresOf, finish } from './attempts.ts'

export type Log = (message: string, details?: object) => void
export type RunOutcome = 'done' | 'failed' | 'lost' | 'released'
/** Who is told of what jobs do: their errors, their spans where traces are collected, and how each run ended. */
export type Watchers = Readonly<{
  errors: ErrorGroups
  tracing?: Tracing | undefined
  ran?(run: Readonly<{ queue: string; outcome: RunOutcome | 'dead'; seconds: number }>): void
}>
export type RunParts = Readonly<{ runtime: Runtime; log: Log; watchers: Watchers }>

/** `error`: what to keep of a failure; nothing of the inside of the service stands in it. */
export type Ended = Readonly<{ outcome: RunOutcome; error: string }>

/** A run that goes on: its end for the queue, and the end of the job's function, which may come later. */
export type Running = Readonly<{ attempt: Attempt; ended: Promise<Ended>; returned: Promise<unknown>; abort(why: AbortReason): void }>
export type AbortReason = 'closing' | 'taken over' | 'time is up'

const expireSecondsOf = ({ expireInSeconds = 300 }: Job): number => expireInSeconds

/** Begin a run. It never rejects. */
export function begin(job: Job, attempt: Attempt, parts: RunParts): Running {
  const controller = new AbortController()
  const seconds = expireSecondsOf(job)
  const returned = perform(job, attempt, controller.signal, parts)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Ended>((resolve) => {
    timer = setTimeout(() => {
      controller.abort('time is up' satisfies AbortReason)
      parts.log('a job took too long', { job: job.name, id: attempt.id, seconds })
      resolve({ outcome: 'failed', error: `It took longer than ${seconds} s.` })
    }, seconds * 1000)
    timer.unref()
  })
  const ended = Promise.race([returned, late]).finally(() => clearTimeout(timer))
  return { attempt, ended, returned, abort: (why) => controller.abort(why) }
}

async function perform(job: Job, attempt: Attempt, signal: AbortSignal, { runtime, log, watchers }: RunParts): Promise<Ended> {
  const { id, data } = attempt
  const run: JobRun = { id, failures: failuresOf(attempt), signal, finish: (tx) => finish(tx, attempt) }
  try {
    await spanned(watchers.tracing, job.name, id, data.by, (by) => job.run(data.payload as never, contextOf(runtime, by, attempt), run))
    return { outcome: 'done', error: '' }
  } catch (error) {
    const details = { job: job.name, id, requestId: data.by.requestId }
    if (error instanceof JobLost) {
      log('a job was taken over by another worker', details)
      return { outcome: 'lost', error: '' }
    }
    if (signal.reason === ('closing' satisfies AbortReason)) {
      log('a job goes on elsewhere, since this process ends', details)
      return { outcome: 'released', error: '' }
    }
    const fingerprint = watchers.errors.note(error, 'job')
    log('a job failed', { ...details, fingerprint, err: error })
    return { outcome: 'failed', error: told(error, fingerprint) }
  }
}

/** Expected failures speak for themselves; of others the log tells more. */
const told = (error: unknown, fingerprint: string): string =>
  (isAppError(error)
    ? `${error.kind.code}: ${error.detail}`
    : `An unexpected error; the log has it with the fingerprint ${fingerprint}.`
  ).slice(0, 2_000)

/** A run as a part of the trace of whoever enqueued it. */
const spanned = (tracing: Tracing | undefined, name: string, id: string, by: JobOrigin, run: (by: JobOrigin) => Promise<void>) => {
  if (!tracing) return run(by)
  const attributes = {
    'messaging.system': 'pg-boss',
    'messaging.operation.type': 'process',
    'messaging.destination.name': name,
    'messaging.message.id': id,
  }
  const spec = { name: `process ${name}`, kind: 'consumer' as const, parent: by.traceparent, attributes }
  return traced(tracing, spec, (traceparent) => run({ ...by, traceparent }))
}

/** A job acts for whoever enqueued it, in its workspace, as long as it is held; what it may do was checked then. */
function contextOf(runtime: Runtime, { workspaceId, actor, requestId, traceparent }: JobOrigin, attempt: Attempt) {
  const principal = { id: actor, workspaceId, permissions: new Set(['*']), instanceAdmin: false }
  return runtime.contextFor(principal, { requestId, ...(traceparent && { traceparent }), fence: (tx) => assertHeld(tx, attempt) })
}
