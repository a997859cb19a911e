import { type Listening, listenTo, type StreamedEvent } from '../../../core/testing/events.ts'
import { bootstrapKey } from '../../../testing/index.ts'
import type { Told } from './log-kit.ts'

export type Frame = StreamedEvent<Told>
export type Stream = Pick<Listening<Told>, 'pause' | 'resume' | 'ended'> &
  Readonly<{
    frames: readonly Frame[]
    /** The `n` of the events that were told. */
    numbers(): unknown[]
    close(): void
  }>

/** Open the stream of events on a connection of its own. @throws for any answer but 200 */
export async function openStream(
  url: string,
  query = '',
  { key = bootstrapKey, lastEventId }: { key?: string; lastEventId?: string } = {},
): Promise<Stream> {
  const { status, events, leave, ...rest } = await listenTo<Told>(`${url}/api/v1/notifications/events/stream${query}`, {
    key,
    after: lastEventId,
  })
  if (status !== 200) throw new Error(`the stream was answered ${status}`)
  const numbers = () => events.filter(({ event }) => event === 'message').map(({ data }) => data.data.n)
  return { ...rest, frames: events, numbers, close: leave }
}
