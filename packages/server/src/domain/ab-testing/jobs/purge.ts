import { Type } from 'typebox'
import type { Db } from '../../../core/db.ts'
import { type Job, job } from '../../../core/jobs.ts'
import { forgetIds } from '../store/outcomes.ts'
import { purgeOutcomes } from '../store/purging.ts'

/** For how many days each workspace keeps single events. */
export type DaysKept = (db: Db) => Promise<readonly Readonly<{ workspaceId: string; days: number }>[]>

const dayMs = 86_400_000

/** What is deleted each night: ids of outcomes that can come twice no more, and outcomes that their workspace keeps no longer. */
export const purgeJobs = (daysKept: DaysKept): Job[] => [
  job({
    name: 'ab_testing.forget_outcome_ids',
    payload: Type.Object({}),
    retries: 3,
    expireInSeconds: 3_600,
    schedule: '29 2 * * *',
    async run(_payload, ctx) {
      while (await ctx.system((db) => forgetIds(db, ctx.now().slice(0, 10))));
    },
  }),
  job({
    name: 'ab_testing.purge_outcomes',
    payload: Type.Object({}),
    retries: 3,
    expireInSeconds: 3_600,
    schedule: '41 2 * * *',
    async run(_payload, ctx, { signal }) {
      const today = Date.parse(ctx.now().slice(0, 10))
      const kept = (await ctx.system(daysKept, 'read')).map(({ workspaceId, days }) => ({
        workspaceId,
        from: new Date(today - days * dayMs).toISOString().slice(0, 10),
      }))
      while (await ctx.system((db) => purgeOutcomes(db, kept))) signal.throwIfAborted()
    },
  }),
]
