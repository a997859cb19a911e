import type { Dispatcher } from 'undici'

/** An answer as far as it is wanted. */
export type Received = Readonly<{ status: number; headers: Readonly<Record<string, string>>; body: Buffer; truncated: boolean }>

/** What became of one attempt at one address. `sent`: the receiver may have seen something of the request. */
export type Outcome = Readonly<{ answer: Received } | { error: Error; sent: boolean; status: number | undefined }>

export type Exchange = Readonly<{
  path: string
  method: string
  headers: Readonly<Record<string, string>>
  body: Uint8Array | string | undefined
  maxBytes: number
  /** Ends the attempt at once, wherever it is. */
  signal: AbortSignal
}>

/** One request on a connection of the dispatcher. Keeps `maxBytes` of the body at most and closes the connection on more. Never rejects. */
export function exchange(dispatcher: Dispatcher, { maxBytes, signal, body, ...request }: Exchange): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const chunks: Buffer[] = []
  let size = 0
  let head: Pick<Received, 'status' | 'headers'> | undefined
  let connection: Dispatcher.DispatchController | undefined
  let isDone = false

  const settle = (outcome: Outcome) => {
    isDone = true
    signal.removeEventListener('abort', abort)
    resolve(outcome)
  }
  const fail = (error: Error) => !isDone && settle({ error, sent: connection !== undefined, status: head?.status })
  const succeed = (truncated: boolean) => head && settle({ answer: { ...head, body: Buffer.concat(chunks), truncated } })
  const abort = () => {
    fail(signal.reason)
    connection?.abort(signal.reason)
  }

  if (signal.aborted) return Promise.resolve({ error: signal.reason, sent: false, status: undefined })
  signal.addEventListener('abort', abort)
  dispatcher.dispatch(
    { ...request, body: body ?? null },
    {
      onRequestStart(controller) {
        // Given up while it waited for a connection: nothing of it is sent.
        if (isDone) controller.abort(new Error('given up'))
        else connection = controller
      },
      onResponseStart(_, status, fields) {
        if (status >= 200) head = { status, headers: joined(fields) }
      },
      onResponseData(controller, chunk) {
        if (isDone) return
        const room = maxBytes - size
        chunks.push(chunk.subarray(0, room))
        size += chunk.length
        if (chunk.length <= room) return
        succeed(true)
        controller.abort(new Error('enough'))
      },
      onResponseEnd: () => !isDone && succeed(false),
      onResponseError: (_, error) => fail(error),
    },
  )
  return promise
}

const joined = (fields: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]))
