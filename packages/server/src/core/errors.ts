/** One thing wrong with the input: where it is (RFC 6901 pointer into the body, or `?name` / `:name` outside it), a stable code, and what to do. */
export type FieldError = Readonly<{ pointer: string; code: string; detail: string }>

/** An expected failure as its context declares it. `code` is the public contract, `status` is how HTTP says it. */
export type ErrorKind = Readonly<{ code: string; status: ErrorStatus; title: string }>
export type ErrorStatus = 400 | 401 | 403 | 404 | 405 | 409 | 410 | 412 | 413 | 414 | 415 | 422 | 429 | 431 | 500 | 503

const declared = new Map<string, ErrorKind>()

/** Declare an expected failure. Every kind gets a page under `/docs/errors/{code}`; a code can be declared only once. */
export const errorKind = <const K extends ErrorKind>(kind: K): K => {
  if (declared.has(kind.code)) throw new Error(`error code declared twice: ${kind.code}`)
  declared.set(kind.code, kind)
  return kind
}

/** All declared kinds, ordered by code: the error catalogue of the docs. */
export const errorCatalogue = (): readonly ErrorKind[] => [...declared.values()].sort((a, b) => (a.code < b.code ? -1 : 1))

export type ErrorExtras = Readonly<{
  /** For 400 and 422: what is wrong, field by field. */
  errors?: FieldError[]
  /** Extra response headers, such as `Retry-After`. */
  headers?: Readonly<Record<string, string>>
  /** Extension members of the problem document (RFC 9457 §3.2). */
  members?: Readonly<Record<string, unknown>>
}>

/** Thrown for an expected failure. `detail` is a sentence for the caller: what is wrong and what to do about it. */
export class AppError extends Error {
  readonly kind: ErrorKind
  readonly detail: string
  readonly extras: ErrorExtras
  constructor(kind: ErrorKind, detail: string, extras: ErrorExtras = {}) {
    super(`${kind.code}: ${detail}`)
    this.kind = kind
    this.detail = detail
    this.extras = extras
  }
}

export const isAppError = (error: unknown, kind?: ErrorKind): error is AppError =>
  error instanceof AppError && (kind === undefined || error.kind === kind)
