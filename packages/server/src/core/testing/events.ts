import { type IncomingHttpHeaders, request } from 'node:http'

/** One event of a stream, as a caller gets it. */
export type StreamedEvent<T = never> = Readonly<{ id: string; event: string; data: T }>

export type Listening<T = never> = Readonly<{
  status: number
  headers: IncomingHttpHeaders
  /** What has come so far, comments left out; grows. */
  events: readonly StreamedEvent<T>[]
  /** Take no more from the socket, or take it again. */
  pause(): void
  resume(): void
  /** Resolves when the stream has ended, from whichever side. */
  ended: Promise<void>
  leave(): void
}>

/** Listen to a stream of server-sent events, on a connection of its own. @param after the `Last-Event-ID` */
export const listenTo = <T = never>(
  address: string,
  { key, after }: { key?: string | undefined; after?: string | undefined } = {},
): Promise<Listening<T>> =>
  new Promise((resolve, reject) => {
    const headers = { ...(key && { authorization: `Bearer ${key}` }), ...(after !== undefined && { 'last-event-id': after }) }
    const sent = request(address, { headers, agent: false }, (answer) => {
      const events: StreamedEvent<T>[] = []
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const event = eventOf<T>(text.slice(0, end))
          if (event) events.push(event)
          text = text.slice(end + 2)
        }
      })
      answer.on('error', () => undefined)
      resolve({
        status: answer.statusCode!,
        headers: answer.headers,
        events,
        pause: () => void answer.pause(),
        resume: () => void answer.resume(),
        ended: new Promise((done) => answer.once('close', done)),
        leave: () => sent.destroy(),
      })
    })
    sent.on('error', reject)
    sent.end()
  })

/** What a block tells (WHATWG HTML §9.2.6); undefined for comments and `retry`. */
function eventOf<T>(block: string): StreamedEvent<T> | undefined {
  const fields = Object.fromEntries(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]))
  return fields.data === undefined ? undefined : { id: fields.id ?? '', event: fields.event ?? '', data: JSON.parse(fields.data) as T }
}
