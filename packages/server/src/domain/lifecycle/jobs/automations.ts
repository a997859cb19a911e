import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { type Job, job } from '../../../core/jobs.ts'
import { Id, Strict } from '../../../core/schemas.ts'

type Works = Readonly<{
  /** Start what is due. */
  due(ctx: Ctx): Promise<void>
  /** Let runs go on that stand still. */
  revive(ctx: Ctx): Promise<void>
  /** Work on one run. */
  run(payload: { runId: string }, ctx: Ctx): Promise<void>
  /** Take away old runs. */
  purge(ctx: Ctx): Promise<void>
}>

/** The background work of automations: what is due is looked for each minute, each run is a job. */
export const automationJobs = ({ due, revive, run, purge }: Works): Job[] => [
  job({
    name: 'lifecycle.start_due_automations',
    payload: Type.Object({}),
    retries: 1,
    schedule: '* * * * *',
    async run(_payload, ctx) {
      await due(ctx)
      await revive(ctx)
    },
  }),
  job({ name: 'lifecycle.run_automation', payload: Strict({ runId: Id }), retries: 10, expireInSeconds: 120, run }),
  job({
    name: 'lifecycle.purge_automation_runs',
    payload: Type.Object({}),
    retries: 3,
    schedule: '41 3 * * *',
    run: (_, ctx) => purge(ctx),
  }),
]
