import { fromKysely, PgBoss } from 'pg-boss'
import type { Principal } from '../../core/access.ts'
import type { Db } from '../../core/db.ts'
import type { ErrorGroups } from '../../core/error-groups.ts'
import type { Job } from '../../core/jobs.ts'
import type { JobOrigin, JobSender, Runtime } from '../../core/runtime.ts'
import { type Tracing, traced } from '../../core/tracing.ts'
import type { SystemPool } from '../postgres/system.ts'
import { queueSchema } from './install.ts'

export type Queue = JobSender &
  Readonly<{
    /** Make the queues and, with a runtime, work on them. */
    start(jobs: readonly Job[], runtime?: Runtime): Promise<void>
    /** Let running jobs end (10 s), take no new ones. */
    stop(): Promise<void>
    isWorking(): boolean
  }>

type Log = (message: string, details?: object) => void
/** Who is told of what jobs do: their errors, and their spans where traces are collected. */
type Watchers = Readonly<{ errors: ErrorGroups; tracing?: Tracing | undefined }>
type Envelope = Readonly<{ payload: object; by: JobOrigin }>

/** pg-boss on the store's own database: enqueued in the caller's transaction, woken by the feed or a poll each second. */
export function createQueue(system: SystemPool, log: Log, watchers: Watchers): Queue {
  const boss = new PgBoss({
    db: { executeSql: async (text: string, values?: unknown[]) => ({ rows: await system.query(text, values) }) },
    schema: queueSchema,
    migrate: false,
    createSchema: false,
    useListenNotify: false,
  })
  boss.on('error', (error) => log('the queue had trouble', { error: error.message }))
  const workers: string[] = []
  return {
    async send(tx: Db, name: string, payload: object, by: JobOrigin) {
      await boss.send(name, { payload, by } satisfies Envelope, { db: fromKysely(tx as never) })
    },
    wake: () => {
      for (const id of workers) boss.notifyWorker(id)
    },
    isWorking: () => workers.length > 0,
    async start(jobs, runtime) {
      await boss.start()
      for (const job of jobs) {
        const settings = { retryLimit: job.retries, retryBackoff: true, retryDelay: 1, expireInSeconds: job.expireInSeconds ?? 300 }
        await boss.createQueue(job.name, settings)
        await boss.updateQueue(job.name, settings) // the queue may be of an earlier version
        if (!runtime) continue
        if (job.schedule) await boss.schedule(job.name, job.schedule, { payload: {}, by: scheduledBy })
        workers.push(await work(boss, job, runtime, log, watchers))
      }
    },
    stop: () => boss.stop({ graceful: true, timeout: 10_000 }),
  }
}

const scheduledBy: JobOrigin = { workspaceId: '00000000-0000-7000-8000-000000000001', actor: 'schedule', requestId: 'schedule' }

const work = (boss: PgBoss, job: Job, runtime: Runtime, log: Log, { errors, tracing }: Watchers): Promise<string> =>
  boss.work<Envelope>(
    job.name,
    { batchSize: 20, burstWhenBatchFull: true, pollingIntervalSeconds: 1, perJobResults: true } as never,
    (async (batch: { id: string; data: Envelope }[]) =>
      Promise.all(
        batch.map(({ id, data }) =>
          settle(
            id,
            () => spanned(tracing, job.name, id, data.by, (by) => job.run(data.payload as never, contextOf(runtime, by))),
            (error) =>
              log('a job failed', { job: job.name, id, requestId: data.by.requestId, fingerprint: errors.note(error, 'job'), err: error }),
          ),
        ),
      )) as never,
  )

/** A run as a part of the trace of whoever enqueued it. */
const spanned = (tracing: Tracing | undefined, name: string, id: string, by: JobOrigin, run: (by: JobOrigin) => Promise<void>) => {
  if (!tracing) return run(by)
  const attributes = {
    'messaging.system': 'pg-boss',
    'messaging.operation.type': 'process',
    'messaging.destination.name': name,
    'messaging.message.id': id,
  }
  const spec = { name: `process ${name}`, kind: 'consumer' as const, parent: by.traceparent, attributes }
  return traced(tracing, spec, (traceparent) => run({ ...by, traceparent }))
}

/** Each job of a batch succeeds or fails by itself. */
async function settle(
  id: string,
  run: () => Promise<void>,
  failed: (error: unknown) => void,
): Promise<{ id: string; status: 'completed' | 'failed'; output?: object }> {
  try {
    await run()
    return { id, status: 'completed' }
  } catch (error) {
    failed(error)
    return { id, status: 'failed', output: { message: String((error as Error).message) } }
  }
}

/** A job acts for whoever enqueued it, in its workspace; what it may do was checked then. */
function contextOf(runtime: Runtime, { workspaceId, actor, requestId, traceparent }: JobOrigin) {
  const principal: Principal = { id: actor, workspaceId, permissions: new Set(['*']), instanceAdmin: false }
  return runtime.contextFor(principal, { requestId, ...(traceparent && { traceparent }) })
}
