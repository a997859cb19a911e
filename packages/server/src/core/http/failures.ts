import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorGroups } from '../error-groups.ts'
import { AppError, isAppError } from '../errors.ts'
import {
  BodyTooLarge,
  Internal,
  MediaTypeUnsupported,
  MethodNotAllowed,
  type ProblemBody,
  problemOf,
  RequestMalformed,
  RouteNotFound,
  UrlTooLong,
} from '../problem.ts'
import type { Told } from '../wire.ts'

/** Fastify's own failures, in our words. */
const ofFramework: Readonly<Record<string, () => AppError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new AppError(BodyTooLarge, 'The body is larger than this endpoint takes. Send less, or in several requests.'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => new AppError(MediaTypeUnsupported, 'Send the body as Content-Type: application/json.'),
  FST_ERR_CTP_EMPTY_TYPE: () => new AppError(MediaTypeUnsupported, 'Send the body as Content-Type: application/json.'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => new AppError(RequestMalformed, 'Content-Length does not match the body.'),
  FST_ERR_BAD_URL: () => new AppError(RequestMalformed, 'The address holds a broken percent-encoding.'),
  FST_ERR_MAX_PARAM_LENGTH: () => new AppError(UrlTooLong, 'A part of the path is longer than anything here can be.'),
}

/** Any error as one of the declared kinds; what is not expected becomes a 500 that tells nothing. */
function asAppError(error: unknown): AppError {
  if (isAppError(error)) return error
  const { code = '', statusCode = 500 } = (error ?? {}) as { code?: string; statusCode?: number }
  const known = ofFramework[code]
  if (known) return known()
  if (code.startsWith('FST_') && statusCode < 500) return new AppError(RequestMalformed, 'The request cannot be read.')
  return new AppError(Internal, 'The failure was logged under the request id. Nothing that was acknowledged is lost.')
}

/** How a failure is written down; undefined: as RFC 9457. */
type Form = (problem: ProblemBody) => Told | undefined
const asProblem = (problem: ProblemBody): Told => ({ type: 'application/problem+json; charset=utf-8', body: JSON.stringify(problem) })

/** Answer a failure as RFC 9457. @param form writes it otherwise: as a page for a browser that asked for one, or as a foreign protocol says */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: unknown, form?: Form): FastifyReply {
  const failure = asAppError(error)
  const problem = problemOf(failure, { instance: request.url.split('?')[0]!, requestId: request.id })
  if (failure.kind.status >= 500) {
    const fingerprint = failure.kind === Internal ? request.server.errorGroups?.note(error, 'http') : undefined
    request.log.error({ err: error, code: failure.kind.code, ...(fingerprint && { fingerprint }) }, 'request failed')
  }
  const { status = failure.kind.status, type, body } = form?.(problem) ?? asProblem(problem)
  return reply
    .code(status)
    .headers({ 'X-Request-Id': request.id, ...failure.extras.headers })
    .type(type)
    .send(body)
}

/** One way for all failures to leave, also for unknown addresses (404) and wrong methods (405 with `Allow`). */
export function handleFailures(app: FastifyInstance, methodsOf: (path: string) => readonly string[], errors?: ErrorGroups): void {
  if (errors) app.decorate('errorGroups', errors)
  app.setErrorHandler((error, request, reply) => sendProblem(request, reply, error))
  app.setNotFoundHandler((request, reply) => {
    const methods = methodsOf(request.url.split('?')[0]!)
    if (methods.length === 0 || methods.includes(request.method))
      return sendProblem(request, reply, new AppError(RouteNotFound, 'See /docs for the addresses that there are.'))
    const allow = methods.join(', ')
    return sendProblem(request, reply, new AppError(MethodNotAllowed, `This address takes ${allow}.`, { headers: { Allow: allow } }))
  })
}

/** @returns for a path the methods of the routes that match it, in the order of the alphabet */
export function methodTable(routes: readonly { method: string; url: string }[]): (path: string) => string[] {
  const table = routes.map(({ method, url }) => ({ method, form: formOf(url) }))
  return (path) => [...new Set(table.filter(({ form }) => form.test(path)).map(({ method }) => method))].sort()
}

/** A route template as a pattern: `:name` is one part of a path, `*` is any rest. */
const formOf = (template: string): RegExp =>
  new RegExp(
    `^${template
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:[A-Za-z]+/g, '[^/]+')
      .replaceAll('*', '.*')}$`,
  )

declare module 'fastify' {
  interface FastifyInstance {
    /** Where unexpected errors are counted. */
    errorGroups?: ErrorGroups
  }
}
