import type { PgBoss } from 'pg-boss'
import { newId } from '../../core/ids.ts'
import type { Job } from '../../core/jobs.ts'
import type { JobOrigin } from '../../core/runtime.ts'
import type { Envelope, Sql } from './attempts.ts'
import { fireSql } from './statements.ts'

const scheduledBy: JobOrigin = { workspaceId: '00000000-0000-7000-8000-000000000001', actor: 'schedule', requestId: 'schedule' }

export type Schedules = Readonly<{
  /** Know the schedules of this version. */
  start(): Promise<void>
  /** Leave a job for each schedule that is due. @returns their names */
  fire(): Promise<string[]>
}>

type Row = { name: string; dueAt: string; now: string }

/**
 * Scheduled jobs: when each is due next stands in the database, and who moves it on leaves the job in the same statement.
 * So each time is one job, whatever processes run or end; times that were missed are made up for by one job.
 */
export function createSchedules(jobs: readonly Job[], query: Sql, cron: PgBoss): Schedules {
  const crons = new Map(jobs.flatMap(({ name, schedule }) => (schedule ? [[name, schedule] as const] : [])))
  const after = async (name: string, from: string): Promise<string> =>
    (await cron.previewSchedule(crons.get(name)!, { from: new Date(from), count: 1 }))[0]!.toISOString()
  const rows = () =>
    query<Row>('select name, due_at as "dueAt", now() as now from job_schedule where name = any ($1::text[])', [[...crons.keys()]])

  const fireOne = async ({ name, dueAt, now }: Row): Promise<string[]> => {
    const next = await after(name, now)
    // A clock that was ahead for a while has left a time that is too far away.
    if (dueAt > next) await query('update job_schedule set due_at = $3 where name = $1 and due_at = $2', [name, dueAt, next])
    if (dueAt > now) return []
    const data: Envelope = { payload: {}, by: scheduledBy }
    await query(fireSql, [name, dueAt, next, newId(), JSON.stringify(data), scheduledBy.workspaceId])
    return [name]
  }
  return {
    async start() {
      const [clock] = await query<{ now: string }>('select now() as now')
      for (const [name, schedule] of crons)
        await query(
          `insert into job_schedule (name, cron, due_at) values ($1, $2, $3) on conflict (name)
           do update set cron = excluded.cron, due_at = excluded.due_at where job_schedule.cron <> excluded.cron`,
          [name, schedule, await after(name, clock!.now)],
        )
    },
    fire: async () => (await Promise.all((await rows()).map(fireOne))).flat(),
  }
}
