import { isUtf8 } from 'node:buffer'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { AppError } from '../errors.ts'
import { parseJson } from '../json.ts'
import { HeadersTooLarge, problemOf, RequestMalformed } from '../problem.ts'
import { newId } from '../ids.ts'
import { requestIdOf } from './headers.ts'

/** Answers a request on the spot, or returns false to send it the usual way. */
export type FastLane = (request: IncomingMessage, response: ServerResponse) => boolean

/** Longest address; a name of 200 characters takes 2,400 when every byte is percent-encoded. */
const maxParamLength = 4_000

/**
 * The HTTP server: Fastify, with the fast lane in front of it.
 * Slow senders are cut off: headers within 10 s, the whole request within 60 s.
 */
export function createHttp(options: { logger: FastifyBaseLogger; fastLane: FastLane }): FastifyInstance {
  const app = Fastify({
    loggerInstance: options.logger,
    disableRequestLogging: true,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    routerOptions: { maxParamLength, ignoreTrailingSlash: false },
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: refuseRaw,
    frameworkErrors: (error) => {
      throw error
    },
    serverFactory: (handler): Server =>
      createServer(
        { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 1_000, keepAliveTimeout: 65_000, maxHeaderSize: 16_384, noDelay: true },
        (request, response) => {
          if (!options.fastLane(request, response)) handler(request, response)
        },
      ),
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, (body as Buffer).length === 0 ? undefined : parseJson(body as Buffer, isUtf8))
    } catch (error) {
      done(error as Error)
    }
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.header('X-Request-Id', request.id)
  })
  return app
}

/** What Node cannot even parse: answered as a problem, then closed. */
function refuseRaw(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const kind = error.code === 'HPE_HEADER_OVERFLOW' ? HeadersTooLarge : RequestMalformed
  const detail =
    kind === HeadersTooLarge ? 'All headers together may have 16 kB. Send less.' : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'The request took too long to arrive.' : 'This is not HTTP.'
  const requestId = newId()
  const body = JSON.stringify(problemOf(new AppError(kind, detail), { instance: '', requestId }))
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : `${kind.status} ${kind.title}`
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/problem+json; charset=utf-8\r\nX-Request-Id: ${requestId}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
