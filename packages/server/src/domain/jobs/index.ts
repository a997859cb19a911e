import { defineModule, type Module } from '../../core/module.ts'
import type { JobQueue } from './commands.ts'
import { purgeDeadLetters } from './jobs.ts'
import { jobDiscarded, jobRetried } from './model.ts'
import { routes } from './routes.ts'

/** What has become of background work that cannot be done: to look at, run again, or throw away. */
export const jobs = (queue: JobQueue): Module =>
  defineModule({ name: 'jobs', endpoints: routes(queue), jobs: [purgeDeadLetters], events: [jobRetried, jobDiscarded] })

export { countDead } from './queries.ts'
export { addDead } from './store.ts'
