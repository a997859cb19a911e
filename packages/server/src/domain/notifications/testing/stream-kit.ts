import { request } from 'node:http'
import { bootstrapKey } from '../../../testing/index.ts'
import type { Told } from './log-kit.ts'

export type Frame = Readonly<{ id: string; event: string; data: Told }>
export type Stream = Readonly<{
  frames: Frame[]
  /** The `n` of the events that were told. */
  numbers(): unknown[]
  /** Take no more from the socket, or take it again. */
  pause(): void
  resume(): void
  close(): void
  ended: Promise<void>
}>

/** Open the stream of events on a connection of its own. @throws for any answer but 200 */
export function openStream(
  url: string,
  query = '',
  { key = bootstrapKey, lastEventId }: { key?: string; lastEventId?: string } = {},
): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) }
    const sent = request(`${url}/api/v1/notifications/events/stream${query}`, { headers, agent: false }, (answer) => {
      if (answer.statusCode !== 200) return reject(new Error(`the stream was answered ${answer.statusCode}`))
      const frames: Frame[] = []
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const frame = frameOf(text.slice(0, end))
          if (frame) frames.push(frame)
          text = text.slice(end + 2)
        }
      })
      resolve({
        frames,
        numbers: () => frames.filter(({ event }) => event === 'message').map(({ data }) => data.data.n),
        pause: () => void answer.pause(),
        resume: () => void answer.resume(),
        close: () => sent.destroy(),
        ended: new Promise((done) => answer.once('close', done)),
      })
      answer.on('error', () => undefined)
    })
    sent.on('error', reject)
    sent.end()
  })
}

function frameOf(text: string): Frame | undefined {
  const fields = Object.fromEntries(text.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]))
  return fields.data === undefined ? undefined : { id: fields.id ?? '', event: fields.event ?? '', data: JSON.parse(fields.data) }
}
