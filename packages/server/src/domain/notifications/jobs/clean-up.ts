import { Type } from 'typebox'
import { type Job, job } from '../../../core/jobs.ts'
import { type Keeping, removeOldEvents } from '../store/old-events.ts'

/** Events leave the log of every workspace when they are older than so many days. */
export const cleanUpDaily = (days: number, keeping: Keeping): Job =>
  job({
    name: 'notifications.clean_up',
    payload: Type.Object({}),
    retries: 3,
    expireInSeconds: 3_600,
    schedule: '47 3 * * *',
    run: async (_payload, ctx) => void (await removeOldEvents(days, { within: (work) => ctx.system(work), keeping, now: ctx.now })),
  })
