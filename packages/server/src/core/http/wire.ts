import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { assertMay } from '../access.ts'
import { AppError } from '../errors.ts'
import { BodyTooLarge, MediaTypeUnsupported, RequestMalformed } from '../problem.ts'
import type { WireHeaders, WireRequest, WireRoute } from '../wire.ts'
import { sendProblem } from './failures.ts'
import { traceparentOf } from './headers.ts'
import { type Mounting, tellRefusal } from './mount.ts'

/** Put such routes on the wire. */
export function mountWire(app: FastifyInstance, routes: readonly WireRoute[], mounting: Mounting): void {
  for (const route of routes)
    app.register(async (scope) => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: route.bodyLimit }, (_request, body, done) => done(null, body))
      scope.setErrorHandler((error, request, reply) =>
        sendProblem(request, reply, error, (problem) => route.failed(problem, askedOf(request))),
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

const askedOf = ({ headers, params }: FastifyRequest) => ({
  headers: headers as WireHeaders,
  params: (params ?? {}) as Record<string, string>,
})

async function requestOf(request: FastifyRequest, bodyLimit: number): Promise<WireRequest> {
  return {
    ...askedOf(request),
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
