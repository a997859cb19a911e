import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { assertMay } from '../access.ts'
import type { Answer } from '../answer.ts'
import type { Ctx } from '../context.ts'
import { AppError } from '../errors.ts'
import type { Load } from '../limits/load.ts'
import { BodyTooLarge, MediaTypeUnsupported, type ProblemBody, RequestMalformed } from '../problem.ts'
import { type Form, sendProblem } from './failures.ts'
import { traceparentOf } from './headers.ts'
import { type Mounting, tellRefusal } from './mount.ts'

type Headers = Readonly<Record<string, string | undefined>>
export type WireRequest = Readonly<{
  headers: Headers
  params: Readonly<Record<string, string>>
  query: URLSearchParams
  /** As it was before it was compressed; empty without one. */
  body: Buffer
}>

/**
 * An address at the root where a protocol of others is spoken, whose bodies need not be JSON: with our keys, permissions, limits and ids of requests, but
 * with its own rules for bodies, unknown fields and failures. It has no place in the API's document.
 */
export type WireRoute = Readonly<{
  /** Unique; `context.verb`. */
  name: string
  method: 'GET' | 'POST'
  /** From the root on, with `:name` parameters. */
  path: string
  /** The permission it needs. */
  access: string
  load: Load
  /** Bytes of a body, after decompression too. */
  bodyLimit: number
  handle(request: WireRequest, ctx: Ctx): Promise<Answer>
  /** A failure as this protocol tells it. */
  failed(problem: ProblemBody, headers: Headers): ReturnType<Form>
}>

/** Put such routes on the wire. */
export function mountWire(app: FastifyInstance, routes: readonly WireRoute[], mounting: Mounting): void {
  for (const route of routes)
    app.register(async (scope) => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: route.bodyLimit }, (_request, body, done) => done(null, body))
      scope.setErrorHandler((error, request, reply) =>
        sendProblem(request, reply, error, (problem) => route.failed(problem, request.headers as Headers)),
      )
      scope.route({
        method: route.method,
        url: route.path,
        exposeHeadRoute: false,
        bodyLimit: route.bodyLimit,
        config: { load: route.load },
        onRequest: async (request) => {
          request.principal = await mounting.authenticate(request)
          try {
            assertMay(request.principal, route.access)
          } catch (error) {
            tellRefusal(route, request, mounting)(error)
          }
        },
        handler: async (request, reply) => {
          const traceparent = request.span?.traceparent ?? traceparentOf(request.headers.traceparent)
          const ctx = mounting.runtime.contextFor(request.principal, { requestId: request.id, ...(traceparent && { traceparent }) })
          const asked = await requestOf(request, route.bodyLimit)
          const { status, headers, body } = await route.handle(asked, ctx).catch(tellRefusal(route, request, mounting))
          return reply.code(status).headers(headers).send(body)
        },
      })
    })
}

async function requestOf(request: FastifyRequest, bodyLimit: number): Promise<WireRequest> {
  return {
    headers: request.headers as Headers,
    params: request.params as Record<string, string>,
    query: new URL(request.url, 'http://root').searchParams,
    body: await plain((request.body as Buffer | undefined) ?? Buffer.alloc(0), request.headers['content-encoding'], bodyLimit),
  }
}

const unzip = promisify(gunzip)

/** What was compressed, no longer than it may be: nobody makes a gigabyte of a few kilobytes here. */
async function plain(body: Buffer, encoding: string | undefined, bodyLimit: number): Promise<Buffer> {
  const how = encoding?.trim().toLowerCase() ?? 'identity'
  if (how === 'identity' || how === 'none') return body
  if (how !== 'gzip') throw new AppError(MediaTypeUnsupported, 'Send the body as it is, or with Content-Encoding: gzip.')
  try {
    return await unzip(body, { maxOutputLength: bodyLimit })
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE')
      throw new AppError(BodyTooLarge, `The body is larger than ${bodyLimit} bytes when it is decompressed. Send less at a time.`)
    throw new AppError(RequestMalformed, 'The body is said to be gzip, and is not. Look at Content-Encoding.')
  }
}
