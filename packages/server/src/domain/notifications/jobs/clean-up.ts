import { Type } from 'typebox'
import type { Db } from '../../../core/db.ts'
import { type Job, job } from '../../../core/jobs.ts'
import { type Keeping, removeOldEvents } from '../store/old-events.ts'

type Within = <T>(work: (tx: Db) => Promise<T>) => Promise<T>

/** Deliveries that are over and events of every workspace go when they are older than so many days. */
export const cleanUpDaily = (
  days: number,
  keeping: Keeping,
  removeDeliveries: (days: number, within: Within, now: string) => Promise<number>,
): Job =>
  job({
    name: 'notifications.clean_up',
    payload: Type.Object({}),
    retries: 3,
    expireInSeconds: 3_600,
    schedule: '47 3 * * *',
    async run(_payload, ctx) {
      const within: Within = (work) => ctx.system(work)
      await removeDeliveries(days, within, ctx.now())
      await removeOldEvents(days, { within, keeping, now: ctx.now })
    },
  })
