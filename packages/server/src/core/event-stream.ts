import { Readable } from 'node:stream'
import type { Answer } from './answer.ts'

/** One event of a stream (Server-Sent Events). `id` is what a caller that comes back sends as `Last-Event-ID`: no line breaks in it. */
export type StreamEvent = Readonly<{ id?: string; event: string; data: unknown }>

export const eventStreamType = 'text/event-stream'

/** A stream says this often that it is there, so that proxies keep it open when there is nothing to tell. Milliseconds. */
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
  const ending = setTimeout(() => gone.abort(), longestMs).unref()
  const told = frames(events(gone.signal), gone.signal)
  const body = new Readable({
    read() {
      told.next().then(
        ({ done, value }) => this.push(done ? null : value),
        (error) => this.destroy(error),
      )
    },
    destroy(error, done) {
      clearTimeout(ending)
      gone.abort()
      done(error)
    },
  })
  const headers = { 'Content-Type': `${eventStreamType}; charset=utf-8`, 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' }
  return { status: 200, headers, body }
}

/** The events as text, with a comment at each beat. */
async function* frames(events: AsyncIterable<StreamEvent>, signal: AbortSignal): AsyncGenerator<string> {
  yield `retry: ${retryMs}\n\n`
  const iterator = events[Symbol.asyncIterator]()
  try {
    let next = iterator.next()
    let beat = nextBeat(signal)
    while (!signal.aborted) {
      const told = await Promise.race([next, beat])
      if (told === 'beat') {
        if (!signal.aborted) yield ': still here\n\n'
        beat = nextBeat(signal)
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

const nextBeat = (signal: AbortSignal): Promise<'beat'> => pause(beatMs, signal).then(() => 'beat' as const)

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
