/** One thing wrong with the input: where it is, a stable code, and what to do. */
export type FieldError = Readonly<{ pointer: string; code: string; detail: string }>

export type Failure = Readonly<{
  /** The HTTP status; 0 when there was no answer. */
  status: number
  /** The problem's code, such as `prompt.not_found`; `network.unreachable`, `network.timeout`, `request.aborted` or `response.unreadable` when the service told none. */
  code: string
  /** A sentence: what is wrong and what to do about it. */
  detail: string
  errors?: readonly FieldError[]
  requestId?: string | undefined
  /** How long the service asked to wait. */
  retryAfterMs?: number | undefined
  cause?: unknown
}>

/** Every failure of a call. */
export class PromptStoreError extends Error {
  override readonly name = 'PromptStoreError'
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly errors: readonly FieldError[]
  readonly requestId: string | undefined
  readonly retryAfterMs: number | undefined
  constructor({ status, code, detail, errors = [], requestId, retryAfterMs, cause }: Failure) {
    super(`${code}: ${detail}`, cause === undefined ? {} : { cause })
    this.status = status
    this.code = code
    this.detail = detail
    this.errors = errors
    this.requestId = requestId
    this.retryAfterMs = retryAfterMs
  }

  /** True when the service could not answer (away, overloaded, broken), rather than said no. */
  get isOutage(): boolean {
    return (
      (this.status === 0 && this.code !== 'request.aborted') ||
      this.status === 429 ||
      this.status >= 500 ||
      this.code === 'response.unreadable'
    )
  }
}

/** The failure that a non-2xx answer tells: a problem document (RFC 9457), or whatever stands between has said. */
export function failureOf(response: Response, text: string): PromptStoreError {
  const problem = problemOf(text)
  return new PromptStoreError({
    status: response.status,
    code: typeof problem.code === 'string' ? problem.code : `http.${response.status}`,
    detail: typeof problem.detail === 'string' ? problem.detail : `The answer was ${response.status} ${response.statusText}`.trim(),
    errors: Array.isArray(problem.errors) ? (problem.errors as FieldError[]) : [],
    requestId: typeof problem.requestId === 'string' ? problem.requestId : (response.headers.get('x-request-id') ?? undefined),
    retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
  })
}

function problemOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** `Retry-After` (RFC 9110 §10.2.3): seconds or a date. @returns milliseconds, or undefined */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now())
}
