import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import type { Answer } from '../answer.ts'
import { openStreams } from './open-streams.ts'

const stream = (type = 'text/event-stream; charset=utf-8'): Answer & { body: Readable } => ({
  status: 200,
  headers: { 'Content-Type': type },
  body: new Readable({ read: () => undefined }),
})
const closed = (body: Readable) => new Promise((resolve) => body.once('close', resolve))

test('a thousand streams of events are open at a time; the next is sent away, until one has ended', async () => {
  const streams = openStreams()
  const first = streams.admit(stream()) as ReturnType<typeof stream>
  for (let n = 1; n < 1_000; n++) streams.admit(stream())
  const late = stream()
  expect(() => streams.admit(late)).toThrow(expect.objectContaining({ kind: expect.objectContaining({ status: 503 }) }))
  expect(late.body.destroyed).toBe(true)
  first.body.destroy()
  await closed(first.body)
  streams.admit(stream())
})

test('at the end all streams of events are ended, and no other answers', () => {
  const streams = openStreams()
  const events = streams.admit(stream()) as ReturnType<typeof stream>
  const file = streams.admit(stream('application/x-ndjson')) as ReturnType<typeof stream>
  streams.end()
  expect([events.body.destroyed, file.body.destroyed]).toEqual([true, false])
})
