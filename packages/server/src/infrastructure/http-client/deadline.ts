import type { OutboundFailureCode } from '../../core/outbound.ts'

/** Why a request has no answer, before its time is added. */
export class Failed extends Error {
  readonly code: OutboundFailureCode
  readonly detail: string
  readonly where: Readonly<{ address?: string; status?: number | undefined }>
  constructor(code: OutboundFailureCode, detail: string, where: Failed['where'] = {}) {
    super(code)
    this.code = code
    this.detail = detail
    this.where = where
  }
}

/** One clock over all steps of a request, and the caller's own signal. Its signal's reason is a `Failed`. `end` lets both go. */
export function deadline(timeoutMs: number, caller: AbortSignal | undefined): { signal: AbortSignal; end(): void } {
  const controller = new AbortController()
  const stop = () => controller.abort(new Failed('aborted', 'The request was given up.'))
  const timer = setTimeout(() => controller.abort(new Failed('timeout', `There was no whole answer within ${timeoutMs} ms.`)), timeoutMs)
  caller?.addEventListener('abort', stop)
  if (caller?.aborted) stop()
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer)
      caller?.removeEventListener('abort', stop)
    },
  }
}

/** What the work comes to, unless the signal is quicker. @throws the signal's reason */
export async function unlessEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const ended = Promise.withResolvers<never>()
  const stop = () => ended.reject(signal.reason)
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([work, ended.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
