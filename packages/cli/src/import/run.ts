import { type Client, PromptStoreError } from '@prompt-store/sdk'
import { describe } from '../output.ts'
import type { Catalogue } from './catalogue.ts'
import { type Detected, detect } from './detect.ts'
import type { Report } from './report.ts'
import { type Row, RowError } from './rows.ts'

/** What all parts of one import share. */
export type Run = Readonly<{
  client: Client
  catalogue: Catalogue
  report: Report
  /** The label that new prompts get; undefined: none. */
  label: string | undefined
  category: string | undefined
  /** Work that waits for what it includes; run again when everything else is in. */
  later: Later[]
}>
/** @returns false when what it includes is still not there */
export type Later = (last: boolean) => Promise<boolean>

/** How many writes are under way at once. */
const concurrency = 16

/** Run work on items as they come, so many at a time. */
export async function eachOf<T>(items: AsyncIterable<T> | Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
  const worker = async () => {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) await work(next.value)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

/** Read ahead, so that what an item needs can be fetched before its turn. */
export async function* ahead<T>(items: AsyncIterable<T>, size: number, seen: (item: T) => void): AsyncGenerator<T> {
  const buffer: T[] = []
  for await (const item of items) {
    seen(item)
    buffer.push(item)
    if (buffer.length > size) yield buffer.shift() as T
  }
  yield* buffer
}

/** How the text of a content is filled; a chat of foreign origin is left alone. */
export const detectContent = (content: Row['content']): Detected =>
  typeof content === 'string'
    ? detect(content)
    : {
        engine: content.every((m) => !('content' in m) || detect(m.content).engine === 'mustache') ? 'mustache' : 'none',
        decision: 'plain',
      }

/** Store with the engine that was detected; when the service cannot parse it so, as plain text. */
export async function withEngine<T>(
  detected: Readonly<{ engine: Detected['engine']; decision: string }>,
  store: (engine: Detected['engine']) => Promise<T>,
): Promise<{ stored: T; decision: string }> {
  try {
    return { stored: await store(detected.engine), decision: detected.decision }
  } catch (error) {
    if (!isCode(error, 'template.invalid') || detected.engine === 'none') throw error
    return { stored: await store('none'), decision: 'unparsable' }
  }
}

export const isCode = (error: unknown, code: string): boolean => error instanceof PromptStoreError && error.code === code

/** True when the same would succeed another time: the service was away, or broken. */
export const mayPass = (error: unknown): boolean => error instanceof PromptStoreError && error.isOutage

/** What makes going on senseless: nobody there, nobody let in, or a fault of our own. */
export function isHopeless(error: unknown): boolean {
  if (!(error instanceof PromptStoreError)) return !(error instanceof RowError)
  return error.status === 401 || error.status === 403 || error.code === 'network.unreachable'
}

export const reasonOf = (error: unknown): string => describe(error)
