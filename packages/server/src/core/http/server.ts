import { isUtf8 } from 'node:buffer'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { Trust } from '../addresses.ts'
import { AppError } from '../errors.ts'
import { newId } from '../ids.ts'
import { parseJson } from '../json.ts'
import { HeadersTooLarge, problemOf, RequestMalformed } from '../problem.ts'
import { sendProblem } from './failures.ts'
import { requestIdOf } from './headers.ts'

/** Answers a request on the spot, or returns false to send it the usual way. */
export type FastLane = (request: IncomingMessage, response: ServerResponse) => boolean

/** Longest address; a name of 200 characters takes 2,400 when every byte is percent-encoded. */
const maxParamLength = 4_000

/** How long a sender may take, in milliseconds: for all headers, and for the whole request; looked at every `check`. */
const patience = { headers: 10_000, request: 60_000, check: 1_000 }

/** The HTTP server: Fastify, with the fast lane in front of it. Slow senders are cut off (408). */
export function createHttp(options: {
  logger: FastifyBaseLogger
  fastLane: FastLane
  /** Proxies whose `X-Forwarded-For` is believed. Absent: none. */
  trust?: Trust | undefined
  patience?: typeof patience
}): FastifyInstance {
  const { headers: headersTimeout, request: requestTimeout, check: connectionsCheckingInterval } = options.patience ?? patience
  const app = Fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: options.trust ?? false,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    routerOptions: { maxParamLength, ignoreTrailingSlash: false },
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: refuseRaw,
    frameworkErrors: (error, request, reply) => void sendProblem(request, reply, error),
    serverFactory: (handler): Server =>
      createServer(
        { headersTimeout, requestTimeout, connectionsCheckingInterval, keepAliveTimeout: 65_000, maxHeaderSize: 16_384, noDelay: true },
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

/**
 * What Node cannot even parse: answered as a problem, after the answers that are under way on the connection, then
 * closed. Of a request that takes too long to arrive there can be no other answer, so nothing is waited for.
 */
function refuseRaw(error: Error & { code?: string }, socket: Socket & { _httpMessage?: ServerResponse | null }): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  // Opened ahead and never used: nobody waits for an answer, and one that came unasked would be taken for the next.
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0) return void socket.destroy()
  const underWay = socket._httpMessage
  // An answer that waits for a body that broke off would never come.
  const waited = error.code !== 'ERR_HTTP_REQUEST_TIMEOUT' && underWay?.req.complete !== false
  if (underWay && waited) return void underWay.once('finish', () => refuseRaw(error, socket))
  if (underWay?.headersSent) return void socket.destroy()
  socket.end(refusal(error.code))
}

function refusal(code: string | undefined): string {
  const kind = code === 'HPE_HEADER_OVERFLOW' ? HeadersTooLarge : RequestMalformed
  const late = code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const detail =
    kind === HeadersTooLarge
      ? 'All headers together may have 16 kB. Send less.'
      : late
        ? 'The request took too long to arrive.'
        : 'This is not HTTP.'
  const requestId = newId()
  const problem = problemOf(new AppError(kind, detail), { instance: '', requestId })
  const body = JSON.stringify(late ? { ...problem, status: 408 } : problem)
  const status = late ? '408 Request Timeout' : `${kind.status} ${kind.title}`
  return `HTTP/1.1 ${status}\r\nContent-Type: application/problem+json; charset=utf-8\r\nX-Request-Id: ${requestId}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
}
