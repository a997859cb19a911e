import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Span, Tracing } from '../tracing.ts'
import { traceparentOf } from './headers.ts'

const serverSpan = (method: string, route: string, traceparent: IncomingHttpHeaders[string], startedAt?: number) => ({
  name: `${method} ${route}`,
  kind: 'server' as const,
  parent: traceparentOf(traceparent),
  attributes: { 'http.request.method': method, 'http.route': route, 'url.scheme': 'http' },
  ...(startedAt !== undefined && { startedAt }),
})
const status = (code: number) => ({ 'http.response.status_code': code })
const failed = (code: number) => (code >= 500 ? String(code) : undefined)

/** A span for each request of the usual way, named by its route (OpenTelemetry's conventions for HTTP servers). */
export function traceRequests(app: FastifyInstance, tracing: Tracing): void {
  app.decorateRequest('span')
  app.addHook('onRequest', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unmatched'
    const span = tracing.start(serverSpan(request.method, route, request.headers.traceparent))
    request.span = span
    reply.raw.once('close', () => span.end(status(reply.statusCode), failed(reply.statusCode)))
  })
}

/** A hot read has a span only where its caller traces: one for each would cost more than the read. */
export function traceHotRead(tracing: Tracing, route: string, code: number, startedAt: number, headers: IncomingHttpHeaders): void {
  if (traceparentOf(headers.traceparent)) tracing.start(serverSpan('GET', route, headers.traceparent, startedAt)).end(status(code))
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The request's span, where traces are collected. */
    span?: Span | undefined
  }
}
