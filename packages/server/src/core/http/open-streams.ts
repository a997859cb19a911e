import { Readable } from 'node:stream'
import type { Answer } from '../answer.ts'
import { eventStreamType } from '../event-stream.ts'
import { unavailable } from '../problem.ts'

/** Streams of events that are open at a time in one process, at most. */
const maxOpen = 1_000

export type OpenStreams = Readonly<{
  /** Count an answer in, if it is a stream of events. @throws Unavailable (503) when there are too many */
  admit(answer: Answer): Answer
  /** End them all: they would not end by themselves, and the server waits for its answers. */
  end(): void
}>

export function openStreams(): OpenStreams {
  const open = new Set<Readable>()
  return {
    admit(answer) {
      const { body, headers } = answer
      if (!(body instanceof Readable) || !headers['Content-Type']?.startsWith(eventStreamType)) return answer
      if (open.size >= maxOpen) {
        body.destroy()
        throw unavailable(`${maxOpen} streams of events are open here. Come back later, or poll.`, 10)
      }
      open.add(body)
      body.once('close', () => open.delete(body))
      return answer
    },
    end() {
      for (const body of open) body.destroy()
    },
  }
}
