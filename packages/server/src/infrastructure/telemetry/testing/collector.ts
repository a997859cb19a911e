import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Value = { stringValue?: string; intValue?: string | number; doubleValue?: number }
type Attribute = { key: string; value: Value }
type WireSpan = {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  status?: { code?: number }
  attributes?: Attribute[]
}
type WireMetric = {
  name: string
  sum?: { dataPoints: Point[] }
  gauge?: { dataPoints: Point[] }
  histogram?: { dataPoints: Point[] }
}
type Point = { attributes?: Attribute[]; asInt?: string | number; asDouble?: number; count?: string | number }
type Scoped<T extends string, I> = { resource?: { attributes: Attribute[] } } & Record<T, { [list: string]: I[] }[]>

export type SeenSpan = Omit<WireSpan, 'attributes'> & { service: unknown; attributes: Record<string, unknown> }
export type SeenPoint = { name: string; attributes: Record<string, unknown>; value: number }

const plain = (attributes: readonly Attribute[] = []): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.doubleValue ?? Number(value.intValue)]))

/** A collector of our own: OTLP over HTTP with JSON bodies, on a real socket. It keeps what it gets. */
export async function startCollector() {
  const spans: SeenSpan[] = []
  let points: SeenPoint[] = []
  let texts = ''
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    texts += text
    const body = JSON.parse(text)
    if (request.url === '/v1/traces')
      for (const { resource, scopeSpans } of body.resourceSpans as Scoped<'scopeSpans', WireSpan>[])
        for (const span of scopeSpans.flatMap((scope) => scope.spans ?? []))
          spans.push({ ...span, service: plain(resource?.attributes)['service.name'], attributes: plain(span.attributes) })
    if (request.url === '/v1/metrics')
      points = (body.resourceMetrics as Scoped<'scopeMetrics', WireMetric>[])
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics = [] }) => metrics))
        .flatMap(({ name, sum, gauge, histogram }) =>
          (sum ?? gauge ?? histogram)!.dataPoints.map((point) => ({
            name,
            attributes: plain(point.attributes),
            value: Number(point.count ?? point.asInt ?? point.asDouble),
          })),
        )
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: (): readonly SeenSpan[] => spans,
    /** Of the last export. */
    points: (): readonly SeenPoint[] => points,
    /** All that came, as it came. */
    texts: () => texts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}
