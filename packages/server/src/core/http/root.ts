import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { AppError } from '../errors.ts'
import { type ProblemBody, RequestInvalid } from '../problem.ts'
import { escapeHtml, page } from './docs.ts'
import { sendProblem } from './failures.ts'
import { traceparentOf } from './headers.ts'
import { compile } from './validation.ts'

export type RootRequest = Readonly<{
  headers: Readonly<Record<string, string | undefined>>
  query: URLSearchParams
  body: unknown
  origin: Readonly<{ requestId: string; traceparent?: string }>
}>
export type RootAnswer = Readonly<{
  status: number
  headers?: Readonly<Record<string, string>>
  cookies?: readonly string[]
  /** Sent as JSON. */
  body?: object
}>

/** What stands at the root beside the API: for browsers, without a permission and a place in the API's document. */
export type RootRoute = Readonly<{
  method: 'GET' | 'POST'
  path: string
  /** Absent: no body. */
  body?: TSchema
  /** Where a browser's page that tells of a failure leads on to. */
  again?: Readonly<{ href: string; text: string }>
  handle(request: RootRequest): Promise<RootAnswer>
}>

/** Never kept, never framed, and no address of ours told to others: it may hold a code. */
const guarded = {
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}

const nothing = { type: 'object', additionalProperties: false }

/** Put such routes on the wire. A browser that asked for a page gets a failure as one, everybody else as a problem. */
export function mountRoot(app: FastifyInstance, routes: readonly RootRoute[]): void {
  for (const route of routes) {
    const validate = compile(route.body ?? nothing, 'body')
    app.route({
      method: route.method,
      url: route.path,
      exposeHeadRoute: false,
      bodyLimit: 16 * 1024,
      handler: async (request, reply) => {
        reply.headers(guarded)
        try {
          const { status, headers = {}, cookies = [], body } = await route.handle(requestOf(request, validate))
          reply.code(status).headers(headers)
          if (cookies.length > 0) reply.header('Set-Cookie', [...cookies])
          return body === undefined ? reply.send() : reply.type('application/json; charset=utf-8').send(JSON.stringify(body))
        } catch (error) {
          return sendProblem(request, reply, error, wantsPage(request) ? (problem) => failurePage(problem, route) : undefined)
        }
      },
    })
  }
}

function requestOf(request: FastifyRequest, validate: ReturnType<typeof compile>): RootRequest {
  const body = request.body === undefined ? {} : request.body
  const wrong = validate(body)
  if (wrong.length > 0) throw new AppError(RequestInvalid, `${wrong[0]!.pointer || 'The body'}: ${wrong[0]!.detail}`, { errors: wrong })
  const traceparent = traceparentOf(request.headers.traceparent)
  return {
    headers: request.headers as Record<string, string | undefined>,
    query: new URL(request.url, 'http://root').searchParams,
    body,
    origin: { requestId: request.id, ...(traceparent && { traceparent }) },
  }
}

const wantsPage = ({ method, headers }: FastifyRequest): boolean => method === 'GET' && (headers.accept ?? '').includes('text/html')

const failurePage = ({ title, detail, code, requestId }: ProblemBody, { again }: RootRoute) => ({
  type: 'text/html; charset=utf-8',
  body: page(
    title,
    `<p>${escapeHtml(detail)}</p>${again ? `<p><a href="${escapeHtml(again.href)}">${escapeHtml(again.text)}</a></p>` : ''}<p><code>${escapeHtml(code)}</code> · <code>${escapeHtml(requestId)}</code></p>`,
  ),
})
