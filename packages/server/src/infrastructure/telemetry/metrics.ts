import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Cache, SharedCache } from '../../core/cache.ts'
import type { ErrorGroups } from '../../core/error-groups.ts'
import type { Feed } from '../../core/feed/feed.ts'
import type { AdmissionCounts } from '../../core/http/admission.ts'
import type { Database } from '../postgres/database.ts'
import { createJobMetrics, type JobFigures, type RanJob } from './job-metrics.ts'
import { createRequestMetrics, type Observed } from './request-metrics.ts'

export type Figure = Readonly<{
  name: string
  help: string
  type: 'counter' | 'gauge'
  values: readonly { value: number; labels: Record<string, string | number> }[]
}>

export type Metrics = Readonly<{
  observe(request: Observed): void
  /** A run of a job has ended. */
  ran(run: RanJob): void
  /** Also count what is refused for limits and load. */
  watchAdmission(counts: AdmissionCounts, level: () => number): void
  /** Also count unexpected errors by their fingerprint. */
  watchErrors(errors: ErrorGroups): void
  /** All counters and gauges as they are now. */
  figures(): Promise<Figure[]>
  /** The Prometheus text format. */
  text(): Promise<string>
  contentType: string
}>

/** Rate, errors and duration per route template and queue; and the state of pools, caches, the feed and the queues at each scrape. */
export function createMetrics(parts: {
  database: Database
  feed: Feed
  caches: readonly Cache<unknown>[]
  shared: SharedCache
  jobs: JobFigures
}): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'promptstore_' })
  const registers = [registry]
  const observe = createRequestMetrics(registry)
  const ran = createJobMetrics(registry, parts.jobs)
  const gauge = (name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void) =>
    new Gauge({
      name: `promptstore_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        collect(this as Gauge)
      },
    })

  gauge('database_connections', 'Connections of the pool', ['state'], (g) => {
    const { total, idle, waiting } = parts.database.pool()
    g.set({ state: 'busy' }, total - idle)
    g.set({ state: 'idle' }, idle)
    g.set({ state: 'waiting' }, waiting)
  })
  gauge('feed_age_seconds', 'Since this instance last knew that it was up to date', [], (g) =>
    g.set(Math.min(parts.feed.age(), 1e9) / 1000),
  )
  gauge('feed_leader', '1 on the instance that places events', [], (g) => g.set(parts.feed.isLeader() ? 1 : 0))
  gauge('outbox_lag', 'Events that are committed but not yet placed or applied here', [], (g) => g.set(parts.feed.lag()))
  gauge('cache_entries', 'Entries', ['level', 'area'], (g) => {
    for (const cache of parts.caches) g.set({ level: '1', area: cache.name }, cache.stats().entries)
  })
  gauge('cache_bytes', 'Bytes', ['level', 'area'], (g) => {
    for (const cache of parts.caches) g.set({ level: '1', area: cache.name }, cache.stats().bytes)
  })
  gauge('cache_lookups', 'Look-ups since the start', ['level', 'area', 'outcome'], (g) => {
    for (const cache of parts.caches) {
      const { hits, misses } = cache.stats()
      g.set({ level: '1', area: cache.name, outcome: 'hit' }, hits)
      g.set({ level: '1', area: cache.name, outcome: 'miss' }, misses)
    }
    const { hits, misses, errors } = parts.shared.stats()
    g.set({ level: '2', area: 'bodies', outcome: 'hit' }, hits)
    g.set({ level: '2', area: 'bodies', outcome: 'miss' }, misses)
    g.set({ level: '2', area: 'bodies', outcome: 'error' }, errors)
  })

  /** A counter whose figures are kept elsewhere. */
  const counter = (name: string, help: string, labelName: string, figures: Readonly<Record<string, number>>) =>
    new Counter({
      name: `promptstore_${name}`,
      help,
      labelNames: [labelName],
      registers,
      collect() {
        this.reset()
        for (const [label, count] of Object.entries(figures)) this.inc({ [labelName]: label }, count)
      },
    })

  return {
    observe,
    ran,
    watchAdmission(counts, level) {
      counter('rate_limited_total', 'Requests refused with 429', 'by', counts.limited)
      counter('shed_total', 'Requests refused with 503 for too much to do', 'load', counts.shed)
      gauge('load_level', 'Classes refused just now: 1 exports, 2 and measurements, 3 and writes, 4 and reads', [], (g) => g.set(level()))
    },
    watchErrors(errors) {
      new Counter({
        name: 'promptstore_errors_total',
        help: 'Unexpected errors',
        labelNames: ['fingerprint', 'source'],
        registers,
        collect() {
          this.reset()
          for (const { fingerprint, source, count } of errors.groups()) this.inc({ fingerprint, source }, count)
        },
      })
    },
    figures: async () =>
      ((await registry.getMetricsAsJSON()) as unknown as Figure[]).filter(({ type }) => ['counter', 'gauge'].includes(type)),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
