import { Type } from 'typebox'
import { AppError, type ErrorKind, errorKind, type FieldError } from './errors.ts'

/** The failures that any endpoint can answer, beside those it declares itself. */
export const RequestInvalid = errorKind({ code: 'request.invalid', status: 400, title: 'The request does not match the schema' })
export const RequestMalformed = errorKind({ code: 'request.malformed', status: 400, title: 'The request cannot be read' })
export const TextUnstorable = errorKind({ code: 'request.text_unstorable', status: 422, title: 'The request holds what cannot be stored' })
export const NestingTooDeep = errorKind({ code: 'request.nesting_too_deep', status: 422, title: 'The body is nested too deeply' })
export const CursorInvalid = errorKind({ code: 'cursor.invalid', status: 400, title: 'The cursor is not one of ours' })
export const TokenInvalid = errorKind({ code: 'consistency_token.invalid', status: 400, title: 'The consistency token is not one of ours' })
export const Unauthenticated = errorKind({ code: 'auth.required', status: 401, title: 'A valid key is needed' })
export const Forbidden = errorKind({ code: 'auth.forbidden', status: 403, title: 'A permission is missing' })
export const OpenModeRefused = errorKind({ code: 'auth.open_mode_refused', status: 403, title: 'Open mode serves local callers only' })
export const RouteNotFound = errorKind({ code: 'route.not_found', status: 404, title: 'There is nothing at this address' })
export const MethodNotAllowed = errorKind({
  code: 'route.method_not_allowed',
  status: 405,
  title: 'This address does not take this method',
})
export const PreconditionFailed = errorKind({
  code: 'precondition.failed',
  status: 412,
  title: 'The resource has changed since it was read',
})
export const BodyTooLarge = errorKind({ code: 'request.too_large', status: 413, title: 'The body is too large' })
export const UrlTooLong = errorKind({ code: 'request.url_too_long', status: 414, title: 'The address is too long' })
export const MediaTypeUnsupported = errorKind({ code: 'request.media_type', status: 415, title: 'The content type is not supported' })
export const RateLimited = errorKind({ code: 'rate_limit.exceeded', status: 429, title: 'Too many requests' })
export const HeadersTooLarge = errorKind({ code: 'request.headers_too_large', status: 431, title: 'The headers are too large' })
export const IdempotencyMismatch = errorKind({
  code: 'idempotency.mismatch',
  status: 422,
  title: 'The Idempotency-Key was used for another request',
})
export const IdempotencyInProgress = errorKind({
  code: 'idempotency.in_progress',
  status: 409,
  title: 'The first request with this Idempotency-Key is still running',
})
export const FieldReadOnly = errorKind({ code: 'field.read_only', status: 422, title: 'This field cannot be changed here' })
export const Internal = errorKind({ code: 'internal', status: 500, title: 'Something went wrong on our side' })
export const Unavailable = errorKind({ code: 'service.unavailable', status: 503, title: 'The service cannot answer just now' })
export const Overloaded = errorKind({ code: 'service.overloaded', status: 503, title: 'The service has too much to do just now' })

/** The body of every non-2xx answer (RFC 9457, `application/problem+json`). */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'Where this kind of failure is explained' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong here and what to do about it' }),
    instance: Type.String({ description: 'The path that was called' }),
    code: Type.String({ description: 'Stable name of the failure, such as prompt.not_found' }),
    requestId: Type.String(),
    errors: Type.Optional(
      Type.Array(Type.Object({ pointer: Type.String(), code: Type.String(), detail: Type.String() }), {
        description: 'On 400 and 422: what is wrong, field by field',
      }),
    ),
  },
  { $id: 'Problem', description: 'RFC 9457 problem details', additionalProperties: true },
)

export type ProblemBody = Readonly<{
  type: string
  title: string
  status: number
  detail: string
  instance: string
  code: string
  requestId: string
  errors?: FieldError[]
}>

/** The problem document of a failure. `instance` is the path without its query (which may hold personal data). */
export const problemOf = (error: AppError, at: { instance: string; requestId: string }): ProblemBody => ({
  ...error.extras.members,
  type: `/docs/errors/${error.kind.code}`,
  title: error.kind.title,
  status: error.kind.status,
  detail: error.detail,
  instance: at.instance,
  code: error.kind.code,
  requestId: at.requestId,
  ...(error.extras.errors && { errors: error.extras.errors }),
})

/** 503 with `Retry-After`. @param seconds how long the caller should wait, at least 1 */
export const unavailable = (detail: string, seconds = 1): AppError =>
  new AppError(Unavailable, detail, { headers: { 'Retry-After': String(seconds) } })

/** A single wrong field of a well-formed body. */
export const unprocessable = (kind: ErrorKind, pointer: string, code: string, detail: string): AppError =>
  new AppError(kind, detail, { errors: [{ pointer, code, detail }] })
