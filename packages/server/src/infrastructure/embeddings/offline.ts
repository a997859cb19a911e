import { Worker } from 'node:worker_threads'
import type { Encoder } from '../../core/encoder.ts'

/** Universal Sentence Encoder lite (512 dimensions, English), with the recipe of its input. */
const model = 'use-lite-en@0.2.0/1'
/** The encoder reads about 128 tokens; more text costs time and changes nothing. */
const readText = 500
/** A worker that has nothing to do ends after this long and gives its memory back. */
const idleMs = 10 * 60_000

type Answer = Readonly<{ id: number; vector?: Float32Array; error?: string }>
type Task = { id: number; text: string; urgent: boolean; resolve(vector: Float32Array): void; reject(error: Error): void }

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
  let worker: Worker | undefined
  let current: Task | undefined
  let idle: NodeJS.Timeout | undefined
  let closed = false
  let counted = 0
  const waiting: Task[] = []

  const drop = (from: Worker, error: Error) => {
    if (worker !== from) return
    worker = undefined
    const task = current
    current = undefined
    task?.reject(error)
    next()
  }
  const spawn = (): Worker => {
    const fresh = new Worker(file, { stdout: true, stderr: true })
    fresh.unref()
    fresh.on('message', ({ id, vector, error }: Answer) => {
      if (current?.id !== id) return
      const task = current
      current = undefined
      if (vector) task.resolve(vector)
      else task.reject(new Error(error))
      next()
    })
    fresh.on('error', (error: Error) => drop(fresh, error))
    fresh.on('exit', (code) => drop(fresh, new Error(`the encoder's thread ended with ${code}`)))
    return fresh
  }
  const next = () => {
    clearTimeout(idle)
    if (current || closed) return
    current = waiting.shift()
    if (current) {
      worker ??= spawn()
      worker.postMessage({ id: current.id, text: current.text })
    } else idle = setTimeout(() => void worker?.terminate(), idleMs).unref()
  }
  const encode = (text: string, urgent: boolean): Promise<Float32Array> =>
    new Promise((resolve, reject) => {
      if (closed) return reject(new Error('the encoder is closed'))
      const task: Task = { id: ++counted, text: text.slice(0, readText), urgent, resolve, reject }
      const at = urgent ? waiting.findIndex((other) => !other.urgent) : -1
      if (at < 0) waiting.push(task)
      else waiting.splice(at, 0, task)
      next()
    })

  return {
    model,
    thread: () => worker,
    embed: (texts, timeoutMs) => within(timeoutMs, Promise.all(texts.map((text) => encode(text, texts.length === 1)))),
    async close() {
      closed = true
      clearTimeout(idle)
      for (const task of waiting.splice(0)) task.reject(new Error('the encoder is closed'))
      await worker?.terminate()
    },
  }
}

/** @throws when it takes longer */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the encoder took longer than ${ms} ms`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
