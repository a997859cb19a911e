import { type Static, Type } from 'typebox'
import { errorKind } from '../../core/errors.ts'
import { eventType } from '../../core/events.ts'
import { Id, Strict, Timestamp } from '../../core/schemas.ts'

export const JobNotFound = errorKind({ code: 'job.not_found', status: 404, title: 'There is no such dead letter' })
export const JobNotRunnable = errorKind({ code: 'job.not_runnable', status: 409, title: 'This version has no job of that name' })

export const JobName = Type.String({ minLength: 1, maxLength: 200, description: 'What the job does, and its queue: `context.verb_noun`' })

/** What is told of a dead letter. Its payload is not: it may hold what not everybody who looks after jobs may read. */
export const DeadJob = Strict({
  id: Id,
  name: JobName,
  tries: Type.Integer({ minimum: 1, description: 'How often it was tried' }),
  error: Type.String({
    maxLength: 2000,
    description: 'Why the last try failed; for unexpected errors the fingerprint with which the log has it',
  }),
  enqueuedAt: Timestamp,
  failedAt: Timestamp,
})
export type DeadJob = Static<typeof DeadJob>

/** Who enqueued a job, in which request and trace: it acts for them again. */
export type Origin = Readonly<{ workspaceId: string; actor: string; requestId: string; traceparent?: string }>
/** A job that is out of tries, as it leaves the queue. */
export type Buried = Readonly<{
  id: string
  name: string
  payload: object
  by: Origin
  tries: number
  error: string
  enqueuedAt: string
}>

/** Dead letters are kept for so long, days, and the newest so many in each workspace. */
export const keptDays = 30
export const keptPerWorkspace = 10_000

const told = { name: JobName }
export const jobRetried = eventType('job.retried', Strict(told), {
  description: 'A dead letter was run again',
  promptless: true,
  access: 'jobs:read',
})
export const jobDiscarded = eventType('job.discarded', Strict(told), {
  description: 'A dead letter was thrown away',
  promptless: true,
  access: 'jobs:read',
})
