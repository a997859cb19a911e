import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../core/endpoint.ts'
import { Id, PageOf, PageQuery, Strict } from '../../core/schemas.ts'
import { discardDead, type JobQueue, retryDead } from './commands.ts'
import { DeadJob, JobName, JobNotFound, JobNotRunnable } from './model.ts'
import { listDead } from './queries.ts'

const params = Strict({ id: Id })

export const routes = (queue: JobQueue): AnyEndpoint[] => [
  endpoint({
    name: 'jobs.listDead',
    method: 'GET',
    path: '/jobs/dead',
    access: 'jobs:read',
    summary: 'List dead letters: background jobs that failed as often as they may, last first; kept for 30 days, the newest 10,000',
    query: Strict({ name: Type.Optional(JobName), ...PageQuery }),
    reply: PageOf(DeadJob),
    handle: ({ query }, ctx) => listDead(query, ctx),
  }),
  endpoint({
    name: 'jobs.retryDead',
    method: 'POST',
    path: '/jobs/dead/:id/retry',
    access: 'jobs:write',
    summary: 'Run a dead letter again, with all its tries, for whoever enqueued it first',
    params,
    reply: Strict({ name: JobName }),
    errors: [JobNotFound, JobNotRunnable],
    handle: ({ params }, ctx) => retryDead(queue, params, ctx),
  }),
  endpoint({
    name: 'jobs.discardDead',
    method: 'DELETE',
    path: '/jobs/dead/:id',
    access: 'jobs:write',
    summary: 'Throw a dead letter away',
    params,
    errors: [JobNotFound],
    handle: ({ params }, ctx) => discardDead(params, ctx),
  }),
]
