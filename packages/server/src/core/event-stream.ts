import { Readable } from 'node:stream'
import type { Answer } from './answer.ts'

/** One event of a stream (Server-Sent Events). `id` is what a caller that comes back sends as `Last-Event-ID`: no line breaks in it. */
export type StreamEvent = Readonly<{ id?: string; event: string; data: unknown }>

export const eventStreamType = 'text/event-stream'

/** A stream that tells nothing says so this often, so that proxies keep it open. Milliseconds. */
const beatMs = 15_000
/**
 * A stream ends after this long and its caller comes back with `Last-Event-ID`: a key that was revoked reads no longer
 * than this, and load spreads over new instances. Milliseconds.
 */
const longestMs = 5 * 60_000
/** What a caller waits before it comes back. Milliseconds. */
const retryMs = 1_000

/**
 * Answer with server-sent events (WHATWG HTML §9.2), told as fast as the caller takes them.
 * @param events makes them one after another and ends when there are no more; `signal` is aborted when the caller has gone
 */
export function eventStream(events: (signal: AbortSignal) => AsyncIterable<StreamEvent>): Answer {
  const gone = new AbortController()
  const body = Readable.from(frames(events(gone.signal), gone.signal), { objectMode: false })
  const ending = setTimeout(() => gone.abort(), longestMs).unref()
  body.once('close', () => {
    clearTimeout(ending)
    gone.abort()
  })
  const headers = { 'Content-Type': `${eventStreamType}; charset=utf-8`, 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' }
  return { status: 200, headers, body }
}

/** The events as text, with a comment whenever there was nothing to tell for a while. */
async function* frames(events: AsyncIterable<StreamEvent>, signal: AbortSignal): AsyncGenerator<string> {
  yield `retry: ${retryMs}\n\n`
  const iterator = events[Symbol.asyncIterator]()
  try {
    let next = iterator.next()
    while (!signal.aborted) {
      const told = await Promise.race([next, beat(signal)])
      if (told === 'nothing') {
        if (!signal.aborted) yield ': still here\n\n'
      } else if (told.done) return
      else {
        yield frame(told.value)
        next = iterator.next()
        next.catch(() => undefined) // thrown where it is awaited
      }
    }
  } finally {
    iterator.return?.()?.catch(() => undefined)
  }
}

const frame = ({ id, event, data }: StreamEvent): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

const beat = (signal: AbortSignal): Promise<'nothing'> => pause(beatMs, signal).then(() => 'nothing' as const)

/** Wait, but no longer than until the signal is aborted. @param ms milliseconds */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
