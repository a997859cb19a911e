import { Type } from 'typebox'
import { job } from '../../core/jobs.ts'
import { purgeDead } from './store.ts'

/** Once a day; what is too old may be seen a day longer. */
export const purgeDeadLetters = job({
  name: 'jobs.purge_dead_letters',
  payload: Type.Object({}),
  retries: 3,
  schedule: '47 4 * * *',
  run: (_payload, ctx) => ctx.system((db) => purgeDead(db, ctx.now())),
})
