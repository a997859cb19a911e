import type { Metric, Registry } from 'prom-client'

const bounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** One series: requests of a method, route and status, with how many took how long. */
type Series = { method: string; route: string; status: number; count: number; sum: number; buckets: number[] }

export type Observed = Readonly<{ method: string; route: string; status: number; seconds: number }>

/**
 * Requests and their durations by method, route template and status. Counted in plain numbers and put into the Prometheus
 * form at a scrape: prom-client joins and sorts labels at each observation, which a hot read would pay twice.
 * @returns what to call for each request
 */
export function createRequestMetrics(registry: Registry): (request: Observed) => void {
  const known = new Map<string, Series[]>()
  const all = () => [...known.values()].flat()
  registry.registerMetric(
    metric('promptstore_http_requests_total', 'Requests', 'counter', () =>
      all().map(({ count, ...series }) => ({ value: count, labels: labelsOf(series) })),
    ),
  )
  registry.registerMetric(
    metric('promptstore_http_request_duration_seconds', 'Duration of requests', 'histogram', () =>
      [...known.values()].flatMap(overStatuses).flatMap(histogramOf),
    ),
  )
  return ({ method, route, status, seconds }) => {
    const ofRoute = known.get(route)
    let series = ofRoute?.find((one) => one.status === status && one.method === method)
    if (!series) {
      series = { method, route, status, count: 0, sum: 0, buckets: bounds.map(() => 0) }
      if (ofRoute) ofRoute.push(series)
      else known.set(route, [series])
    }
    series.count++
    series.sum += seconds
    const bucket = bounds.findIndex((bound) => seconds <= bound)
    if (bucket >= 0) series.buckets[bucket]!++
  }
}

type Value = { value: number; labels: Record<string, string | number>; metricName?: string }

const labelsOf = ({ method, route, status }: Pick<Series, 'method' | 'route' | 'status'>) => ({ method, route, status: String(status) })

/** The series of one route, one for each method. */
function overStatuses(ofRoute: readonly Series[]): Omit<Series, 'status'>[] {
  const merged = new Map<string, Omit<Series, 'status'>>()
  for (const { method, route, count, sum, buckets } of ofRoute) {
    const before = merged.get(method)
    merged.set(method, {
      method,
      route,
      count: count + (before?.count ?? 0),
      sum: sum + (before?.sum ?? 0),
      buckets: buckets.map((n, i) => n + (before?.buckets[i] ?? 0)),
    })
  }
  return [...merged.values()]
}

/** Buckets hold what took at most so long, those below included. */
function histogramOf(series: Omit<Series, 'status'>): Value[] {
  const labels = { method: series.method, route: series.route }
  const name = 'promptstore_http_request_duration_seconds'
  let below = 0
  const buckets = bounds.map((le, i) => {
    below += series.buckets[i]!
    return { value: below, labels: { ...labels, le }, metricName: `${name}_bucket` }
  })
  return [
    ...buckets,
    { value: series.count, labels: { ...labels, le: '+Inf' }, metricName: `${name}_bucket` },
    { value: series.sum, labels, metricName: `${name}_sum` },
    { value: series.count, labels, metricName: `${name}_count` },
  ]
}

/** A metric as prom-client's registry asks for it: by `get`. */
const metric = (name: string, help: string, type: string, values: () => Value[]): Metric =>
  ({
    name,
    help,
    type,
    aggregator: 'sum',
    get: async () => ({ name, help, type, aggregator: 'sum', values: values() }),
    reset: () => undefined,
  }) as unknown as Metric
