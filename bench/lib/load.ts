import type { Job, LoadResult } from '../workers/load.ts'
import { type Measured, startMeasured } from './measured-process.ts'
import { apiKey } from './service.ts'

export type { Job, LoadResult } from '../workers/load.ts'

/** Runs jobs in the load generator's process, one at a time. */
export type Generator = Readonly<{
  /** @throws when there was any answer but the expected ones, or a connection broke */
  run(job: Job, expected?: readonly string[]): Promise<LoadResult>
}>

/** Run with a load generator, which is gone afterwards. */
export async function withGenerator<T>(work: (generator: Generator) => Promise<T>): Promise<T> {
  const worker = startMeasured(new URL('../workers/load.ts', import.meta.url))
  let jobs = 0
  try {
    return await work({
      async run(job, expected = ['200']) {
        const id = `job-${++jobs}`
        worker.send({ id, job })
        const { result, error } = await worker.told<{ result: LoadResult; error?: string }>(id)
        if (error) throw new Error(`the load could not be made: ${error}`)
        const wrong = Object.keys(result.statuses).filter((status) => !expected.includes(status))
        if (wrong.length > 0 || result.broken > 0)
          throw new Error(`answers ${JSON.stringify(result.statuses)}, ${result.broken} broken connections`)
        return result
      },
    })
  } finally {
    await worker.stop()
  }
}

/** What a load cost the server. */
export type Cost = LoadResult & Readonly<{ cpuPerRequest: number }>

/** Run a job and ask the loaded process what it used for it: CPU microseconds per request. */
export async function costOf(generator: Generator, server: Measured, job: Job, expected?: readonly string[]): Promise<Cost> {
  const before = await server.usage()
  const result = await generator.run(job, expected)
  const after = await server.usage()
  return { ...result, cpuPerRequest: (after.cpuMicros - before.cpuMicros) / result.requests }
}

const headers = `Host: 127.0.0.1\r\nAuthorization: Bearer ${apiKey}\r\n`

/** A whole GET request. @param path under the root, encoded */
export const get = (path: string): string => `GET ${path} HTTP/1.1\r\n${headers}\r\n`

/** A whole request with a JSON body. */
export function send(method: 'POST' | 'PUT', path: string, body: object): string {
  const text = JSON.stringify(body)
  return `${method} ${path} HTTP/1.1\r\n${headers}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
}

/** One call, with its parsed body. @throws when it does not succeed */
export async function call<T>(port: number, method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { Authorization: `Bearer ${apiKey}`, ...(body && { 'Content-Type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 500)}`)
  return JSON.parse(text) as T
}
