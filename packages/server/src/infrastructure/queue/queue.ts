import { CompiledQuery } from 'kysely'
import { PgBoss } from 'pg-boss'
import type { EnqueueOptions } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import { newId } from '../../core/ids.ts'
import type { Job } from '../../core/jobs.ts'
import { createLoop } from '../../core/loop.ts'
import type { AcrossWorkspaces, JobOrigin, JobSender, Runtime } from '../../core/runtime.ts'
import type { SystemPool } from '../postgres/system.ts'
import type { Envelope } from './attempts.ts'
import { createFigures, type QueueFigures } from './figures.ts'
import { queueSchema } from './install.ts'
import type { Log, Watchers } from './run.ts'
import { createSchedules } from './schedules.ts'
import { type Bury, createSettlement } from './settlement.ts'
import { dueSql, enqueueSql } from './statements.ts'
import { createTending, tendMs } from './tending.ts'
import { createWorker, type Worker } from './worker.ts'

export type Queue = JobSender &
  Readonly<{
    /** Somebody may have enqueued something: look which queues have work. */
    look(): void
    /** Make the queues and work on them. */
    start(jobs: readonly Job[], runtime: Runtime): Promise<void>
    /** Take no new jobs, give back those that have not begun, and let the others end (10 s); the rest goes on elsewhere. */
    stop(): Promise<void>
    isWorking(): boolean
    /** Whether a job of this name can run here. */
    knows(name: string): boolean
    /** How each queue stands; a few seconds old. */
    figures(): Promise<readonly QueueFigures[]>
  }>

/** How often queues are looked at unasked, how long at least lies between two looks, and how long runs get at the end. Milliseconds. */
const [lookMs, gapMs, graceMs] = [1_000, 50, 10_000]

/**
 * Jobs in pg-boss's tables on the store's own database: enqueued in the caller's transaction; claimed in turn by workspace,
 * woken by this process's commits, by the feed, or a look each second; fenced, so that only who holds a job can write for it.
 * @param parts.bury keeps what is out of tries
 */
export function createQueue(
  parts: Readonly<{ pool: SystemPool; system: AcrossWorkspaces; bury: Bury; log: Log; watchers: Watchers }>,
): Queue {
  const { pool, log } = parts
  const query = pool.query
  const boss = new PgBoss({
    db: { executeSql: async (text: string, values?: unknown[]) => ({ rows: await query(text, values) }) },
    schema: queueSchema,
    migrate: false,
    createSchema: false,
    supervise: false,
    schedule: false,
  })
  boss.on('error', (error) => log('the queue had trouble', { error: error.message }))
  const workers = new Map<string, Worker>()
  const names = () => [...workers.keys()]
  const settlement = createSettlement({ ...parts, query })
  const figures = createFigures(query, names)
  const looking = createLoop(
    async () => {
      for (const { name } of await query<{ name: string }>(dueSql, [names()])) workers.get(name)?.wake()
      return { more: false, restMs: gapMs }
    },
    (error) => log('the queue had trouble', { error: error.message }),
  )
  const timers: NodeJS.Timeout[] = []
  let tending: Promise<void> = Promise.resolve()

  return {
    async send(tx: Db, name: string, payload: object, by: JobOrigin, { startAfterMs = 0, key }: EnqueueOptions = {}) {
      const data = JSON.stringify({ payload, by } satisfies Envelope)
      const values = [newId(), name, data, by.workspaceId, startAfterMs, key === undefined ? null : `${by.workspaceId} ${key}`]
      await tx.executeQuery(CompiledQuery.raw(enqueueSql, values))
    },
    wake(woken) {
      for (const name of woken) workers.get(name)?.wake()
    },
    look: looking.wake,
    isWorking: () => workers.size > 0,
    knows: (name) => workers.has(name),
    figures,
    async start(jobs, runtime) {
      for (const { name } of jobs) await query('select pgboss.create_queue($1, $2::jsonb)', [name, JSON.stringify({ policy: 'standard' })])
      const schedules = createSchedules(jobs, query, boss)
      await schedules.start()
      for (const job of jobs) workers.set(job.name, createWorker(job, { ...parts, query, settlement, runtime }))
      const tend = createTending({ ...parts, query, workers, schedules })
      let busy = false
      const tendOnce = () => {
        if (busy) return
        busy = true
        tending = tend().finally(() => {
          busy = false
        })
      }
      tendOnce()
      looking.start()
      timers.push(setInterval(looking.wake, lookMs), setInterval(tendOnce, tendMs))
    },
    async stop() {
      await looking.stop()
      const enough = setTimeout(settlement.stop, graceMs)
      await Promise.all([...workers.values()].map((worker) => worker.stop(graceMs)))
      for (const timer of [enough, ...timers.splice(0)]) clearTimeout(timer) // until here what still ran gave its signs of life
      settlement.stop()
      await tending
    },
  }
}
