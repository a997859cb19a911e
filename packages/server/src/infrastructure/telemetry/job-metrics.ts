import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** How one queue stands: what waits, what waits for its time, what waits after a failure, what runs, and how long the first of those that wait is due. */
type Standing = Readonly<{ queue: string; waiting: number; deferred: number; retrying: number; active: number; oldestSeconds: number }>
export type JobFigures = Readonly<{
  figures(): Promise<readonly Standing[]>
  /** Dead letters by queue. */
  dead(): Promise<readonly Readonly<{ name: string; count: number }>[]>
}>
export type RanJob = Readonly<{ queue: string; outcome: string; seconds: number }>

/** So long dead letters are not counted again, milliseconds. */
const keptMs = 5_000

/**
 * Queues as the database has them, so that every instance tells the same of all workers; and the runs of this process.
 * A database that does not answer leaves the figures as they were.
 * @returns what to call after each run
 */
export function createJobMetrics(registry: Registry, jobs: JobFigures): (run: RanJob) => void {
  const registers = [registry]
  const dead = kept(jobs.dead)
  const gauge = (name: string, help: string, labelNames: string[], fill: (gauge: Gauge) => Promise<void>) =>
    new Gauge({
      name: `promptstore_jobs${name}`,
      help,
      labelNames,
      registers,
      collect() {
        return fill(this as Gauge).catch(() => undefined)
      },
    })
  gauge('', 'Jobs in the queues of all processes', ['queue', 'state'], async (g) => {
    for (const { queue, ...standing } of await jobs.figures())
      for (const state of ['waiting', 'deferred', 'retrying', 'active'] as const) g.set({ queue, state }, standing[state])
  })
  gauge('_oldest_seconds', 'How long the first job that waits is due', ['queue'], async (g) => {
    for (const { queue, oldestSeconds } of await jobs.figures()) g.set({ queue }, oldestSeconds)
  })
  gauge('_dead', 'Dead letters', ['queue'], async (g) => {
    const counts = await dead()
    g.reset()
    for (const { queue } of await jobs.figures()) g.set({ queue }, 0)
    for (const { name, count } of counts) g.set({ queue: name }, count)
  })
  const runs = new Counter({
    name: 'promptstore_job_runs_total',
    help: 'Runs of jobs by this process',
    labelNames: ['queue', 'outcome'],
    registers,
  })
  const seconds = new Histogram({
    name: 'promptstore_job_duration_seconds',
    help: 'Duration of the runs of jobs by this process',
    labelNames: ['queue'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120, 600],
    registers,
  })
  return (run) => {
    runs.inc({ queue: run.queue, outcome: run.outcome })
    seconds.observe({ queue: run.queue }, run.seconds)
  }
}

function kept<T>(take: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | undefined
  let at = Number.NEGATIVE_INFINITY
  return () => {
    if (!value || performance.now() - at > keptMs) {
      at = performance.now()
      value = take()
    }
    return value
  }
}
