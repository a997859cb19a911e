import { failureOf, PromptStoreError } from './errors.ts'
import type { Conduct, Method } from './types.ts'

export type Call = Conduct & Readonly<{ method: Method; url: string; body?: unknown; headers: Readonly<Record<string, string>> }>

/** A finished answer. `text` is the body as it came. */
export type Exchange = Readonly<{ status: number; headers: Headers; text: string }>

/** What a request is made of, once its types have done their work. */
export type AnyOptions = Conduct &
  Readonly<{ path?: Readonly<Record<string, unknown>>; query?: Readonly<Record<string, unknown>>; body?: unknown }>
export type Send = (method: Method, path: string, options?: AnyOptions) => Promise<Exchange>

export type Transport = Readonly<{
  /** Send, and try again where that is safe. @throws PromptStoreError for everything that is neither 2xx nor 304 */
  send(call: Call): Promise<Exchange>
  /** Break off everything that is under way. */
  close(): void
}>

export type TransportOptions = Readonly<{
  timeoutMs: number
  retries: number
  /** The longest wait between two attempts; when the service asks for more, the failure is told at once. */
  maxWaitMs: number
  fetch: typeof fetch
}>

const passing = new Set([0, 429, 502, 503, 504])
/** Waits grow from here, doubling, with full jitter between a half and the whole. */
const firstWaitMs = 100

export function createTransport({ timeoutMs, retries, maxWaitMs, fetch }: TransportOptions): Transport {
  const closing = new AbortController()

  const attempt = async (call: Call): Promise<Exchange> => {
    const limit = AbortSignal.timeout(call.timeoutMs ?? timeoutMs)
    const signal = AbortSignal.any([limit, closing.signal, ...(call.signal ? [call.signal] : [])])
    try {
      const response = await fetch(call.url, {
        method: call.method,
        headers: call.headers,
        redirect: 'error',
        signal,
        ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
      })
      const text = await response.text()
      if (!response.ok && response.status !== 304) throw failureOf(response, text)
      return { status: response.status, headers: response.headers, text }
    } catch (error) {
      throw error instanceof PromptStoreError ? error : unanswered(error, limit.aborted, signal.aborted, call, timeoutMs)
    }
  }

  return {
    async send(call) {
      const attempts = 1 + (maySendAgain(call) ? (call.retries ?? retries) : 0)
      for (let n = 1; ; n++) {
        try {
          return await attempt(call)
        } catch (error) {
          const failure = error as PromptStoreError
          const wait = waitMs(failure, n)
          if (n >= attempts || !mayPass(failure) || wait > maxWaitMs) throw failure
          await pause(wait, AbortSignal.any([closing.signal, ...(call.signal ? [call.signal] : [])]))
        }
      }
    },
    close: () => closing.abort(),
  }
}

/** A write goes out again only under an Idempotency-Key: the service then does it once. */
const maySendAgain = ({ method, headers }: Call): boolean => method === 'GET' || headers['Idempotency-Key'] !== undefined

const mayPass = ({ status, code }: PromptStoreError): boolean =>
  (passing.has(status) && code !== 'request.aborted') || code === 'idempotency.in_progress'

const waitMs = ({ retryAfterMs }: PromptStoreError, n: number): number =>
  retryAfterMs ?? firstWaitMs * 2 ** (n - 1) * (0.5 + Math.random() / 2)

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const aborted = () => {
      clearTimeout(timer)
      reject(new PromptStoreError({ status: 0, code: 'request.aborted', detail: 'The call was broken off while it waited to try again.' }))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', aborted)
      resolve()
    }, ms)
    if (signal.aborted) aborted()
    else signal.addEventListener('abort', aborted, { once: true })
  })

function unanswered(
  cause: unknown,
  timedOut: boolean,
  aborted: boolean,
  { method, url, timeoutMs }: Call,
  usualMs: number,
): PromptStoreError {
  const { origin, pathname } = new URL(url)
  if (timedOut)
    return new PromptStoreError({
      status: 0,
      code: 'network.timeout',
      detail: `${method} ${pathname} had no answer within ${timeoutMs ?? usualMs} ms.`,
      cause,
    })
  if (aborted) return new PromptStoreError({ status: 0, code: 'request.aborted', detail: `${method} ${pathname} was broken off.`, cause })
  const reason = (cause as { cause?: { code?: string; message?: string } }).cause
  return new PromptStoreError({
    status: 0,
    code: 'network.unreachable',
    detail: `${origin} cannot be reached (${reason?.code ?? reason?.message ?? String(cause)}). Is the service running there?`,
    cause,
  })
}
