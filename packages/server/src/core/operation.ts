import { type Static, Type } from 'typebox'
import type { Answer } from './answer.ts'
import { eventStream, pause, type StreamEvent } from './event-stream.ts'
import { Nullable, Strict, Timestamp } from './schemas.ts'

/** Long work: it is answered 202 with its address, and told there. */
export const OperationStatus = Type.Enum(['queued', 'running', 'succeeded', 'failed', 'cancelled'], {
  description: 'succeeded, failed and cancelled are the end',
})
export type OperationStatus = Static<typeof OperationStatus>

/** The fields that all long work has. */
export const operationFields = {
  status: OperationStatus,
  progress: Strict(
    { done: Type.Integer({ minimum: 0 }), total: Type.Integer({ minimum: 0 }) },
    { description: 'How much is done, of how much' },
  ),
  startedAt: Nullable(Timestamp, { description: 'null: it waits for a worker' }),
  finishedAt: Nullable(Timestamp),
  error: Nullable(Type.String(), { description: 'Why it failed as a whole' }),
}
export type Operation = Readonly<{ status: OperationStatus; progress: Readonly<{ done: number; total: number }> }>

export const isOver = ({ status }: Pick<Operation, 'status'>): boolean => status !== 'queued' && status !== 'running'

/** Pauses between two looks at work that goes on. Milliseconds. */
const shortest = 20
const longest = 250

/**
 * Look at long work until it is over, or the time is up.
 * @param read the work as it stands
 * @param waitMs how long, at most, in milliseconds
 * @returns it as it stands then
 */
export async function untilOver<T extends Operation>(read: () => Promise<T>, waitMs: number): Promise<T> {
  const end = performance.now() + waitMs
  for (let ms = shortest; ; ms = Math.min(longest, ms * 2)) {
    const work = await read()
    const left = end - performance.now()
    if (isOver(work) || left <= 0) return work
    await new Promise((resolve) => setTimeout(resolve, Math.min(ms, left)))
  }
}

/**
 * The progress of long work as server-sent events: `progress` whenever it moved, `finished` at the end, each with the work
 * as it stands. Events bear what they tell as their id, so a caller that comes back is told what is new to it, or the end.
 * @param lastEventId the header `Last-Event-ID`
 */
export const progressStream = <T extends Operation>(read: () => Promise<T>, lastEventId: string | undefined): Answer =>
  eventStream((signal) => progressOf(read, lastEventId, signal))

async function* progressOf<T extends Operation>(
  read: () => Promise<T>,
  lastEventId: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent> {
  let told = lastEventId
  while (!signal.aborted) {
    const work = await read()
    const id = `${work.status}.${work.progress.done}.${work.progress.total}`
    if (isOver(work)) return yield { id, event: 'finished', data: work }
    if (id !== told) yield { id, event: 'progress', data: work }
    told = id
    await pause(longest, signal)
  }
}
