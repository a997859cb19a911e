import { sql } from 'kysely'
import { Type } from 'typebox'
import { type Job, job } from '../../core/jobs.ts'
import { Id } from '../../core/schemas.ts'
import { halfReceivedMs, keptMs, runJob } from './model/operation.ts'
import './tables.ts'

const before = (now: string, ms: number): string => new Date(Date.parse(now) - ms).toISOString()

/** Works on one operation for a while, and hands over to the next run when it is not over. */
export const workOn = (run: (payload: { workspaceId: string; operationId: string }) => Promise<void>): Job =>
  job({
    ...runJob,
    payload: Type.Object({ workspaceId: Id, operationId: Id }),
    retries: 5,
    run: (payload) => run(payload),
  })

/** An operation that nobody has touched for so long has lost its job. Milliseconds. */
const forgottenMs = 60_000
const resumedAtOnce = 100

/** Operations whose job was lost are handed to a worker again. */
export const resume = job({
  name: 'bulk.resume',
  payload: Type.Object({}),
  retries: 3,
  schedule: '* * * * *',
  run: (_payload, ctx) =>
    ctx.system(async (db) => {
      const [now, untouched] = [ctx.now(), before(ctx.now(), forgottenMs)]
      const { rows } = await sql<{ workspaceId: string; id: string }>`
        update bulk_operation set touched_at = ${now} where (workspace_id, id) in (
          select workspace_id, id from bulk_operation where finished_at is null and received_at is not null and touched_at < ${untouched}
          order by touched_at limit ${resumedAtOnce} for update skip locked)
        returning workspace_id, id`.execute(db)
      for (const { workspaceId, id: operationId } of rows) await ctx.enqueue(db, runJob, { workspaceId, operationId })
    }),
})

/** Items that are deleted in one transaction, and how many of these one run makes at most. */
const [purgedAtOnce, purgesInRun] = [10_000, 100]

/** Operations are forgotten with their items 30 days after their end, and those that broke off while they came in after a day. */
export const purge = job({
  name: 'bulk.purge',
  payload: Type.Object({}),
  retries: 3,
  schedule: '41 * * * *',
  async run(_payload, ctx) {
    const due = { over: before(ctx.now(), keptMs), half: before(ctx.now(), halfReceivedMs) }
    for (let n = 0; n < purgesInRun; n++)
      if (
        !(await ctx.system(async (db) => {
          const { rows } = await sql<{ workspaceId: string; id: string }>`
          select workspace_id, id from bulk_operation where finished_at < ${due.over}
          union all select workspace_id, id from bulk_operation where finished_at is null and received_at is null and touched_at < ${due.half} limit 1`.execute(
            db,
          )
          if (!rows[0]) return false
          const { workspaceId, id } = rows[0]
          const gone = await sql`delete from bulk_item where workspace_id = ${workspaceId} and operation_id = ${id} and index in (
          select index from bulk_item where workspace_id = ${workspaceId} and operation_id = ${id} limit ${purgedAtOnce})`.execute(db)
          if (Number(gone.numAffectedRows) < purgedAtOnce)
            await db.deleteFrom('bulkOperation').where('workspaceId', '=', workspaceId).where('id', '=', id).execute()
          return true
        }))
      )
        return
  },
})
