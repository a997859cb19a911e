import type { Worker } from 'node:worker_threads'
import type { Encoder } from '../../core/encoder.ts'
import { unlessLate } from '../../core/unless-late.ts'
import { createWorkerThread } from '../worker-thread/worker-thread.ts'

/** Universal Sentence Encoder lite (512 dimensions, English), with the recipe of its input. */
const model = 'use-lite-en@0.2.0/1'
/** The encoder reads about 128 tokens; more text costs time and changes nothing. */
const readText = 500
/** A worker that has nothing to do ends after this long and gives its memory back. */
const idleMs = 10 * 60_000

export type OfflineEncoder = Encoder &
  Readonly<{
    /** The thread that works now, if any: for tests that kill it. */
    thread(): Worker | undefined
  }>

/**
 * The encoder whose weights come with npm, in a worker thread: started with the first text, started again when it dies,
 * ended when idle. One text at a time, so that a query waits for one document at most: texts that come alone go first.
 */
export function createOfflineEncoder(file = new URL('./offline-worker.ts', import.meta.url)): OfflineEncoder {
  const { run, thread, close } = createWorkerThread<string, Float32Array>({ name: 'the encoder', file, idleMs })
  return {
    model,
    thread,
    embed: (texts, timeoutMs) =>
      unlessLate(timeoutMs, Promise.all(texts.map((text) => run(text.slice(0, readText), texts.length === 1))), () => tooLong(timeoutMs)),
    close,
  }
}

function tooLong(ms: number): never {
  throw new Error(`the encoder took longer than ${ms} ms`)
}
