import type { Outcome } from './health.ts'
import { retryAfterOf } from './schedule.ts'

/** What came back, or why nothing did. */
export type Answered = Readonly<{
  status?: number | undefined
  headers?: Readonly<Record<string, string>>
  body?: Uint8Array
  truncated?: boolean
  address?: string | undefined
  tookMs: number
  /** There was no whole answer. */
  failure?: string
  detail?: string
}>

/** The receiver has too much to do, or what stands before it has. */
const slowing = [429, 502, 503, 504]
const holding = [429, 503]

export type Judged = Outcome &
  Readonly<{
    failure: string | null
    detail: string | null
    /** How long this delivery waits at least. */
    waitMs: number | undefined
  }>

/** Success is 2xx and nothing else; a redirect is a failure. Pure. @param now milliseconds since 1970 */
export function judge({ status, headers = {}, failure, detail }: Answered, now: number): Judged {
  const ok = failure === undefined && status !== undefined && status >= 200 && status < 300
  const waitMs = ok ? undefined : retryAfterOf(headers['retry-after'], now)
  return {
    ok,
    gone: failure === undefined && status === 410,
    slows: failure === 'timeout' || (status !== undefined && slowing.includes(status)),
    retryAfterMs: status !== undefined && holding.includes(status) ? waitMs : undefined,
    waitMs,
    failure: ok ? null : (failure ?? 'http'),
    detail: ok ? null : (detail ?? sentence(status)),
  }
}

function sentence(status = 0): string {
  if (status >= 300 && status < 400) return `It answered ${status}. Redirects are not followed: give the webhook the final URL.`
  return status === 410 ? 'It answered 410 Gone: it wants no more.' : `It answered ${status}; success is 200 to 299.`
}

/** The bytes of an answer as text that can be stored: what is no UTF-8, and NUL, is replaced. */
export const textOf = (body: Uint8Array): string => new TextDecoder().decode(body).replaceAll('\0', '�')
