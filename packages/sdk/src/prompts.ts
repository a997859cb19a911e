import type { PromptStoreError } from './errors.ts'
import { createFetcher } from './fetcher.ts'
import { fillFallback, fillPlain } from './fill.ts'
import { createKept, type Entry, type KeptOptions } from './kept.ts'
import type { OwnWrites } from './own-writes.ts'
import type { Send } from './transport.ts'
import type { Content, ServedPrompt } from './types.ts'
import { keyOf, type Wanted } from './wanted.ts'

export type ServingOptions = Readonly<{
  /** A label's answer is taken from the cache for this long, in milliseconds; 1,000 without it. */
  freshMs?: number
  /** After that it is still taken for this long, while a newer one is fetched in the background; 10,000 without it. */
  staleMs?: number
  /** After a failure the service is left alone for this long, in milliseconds, or for as long as it asks; 5,000 without it. */
  cooldownMs?: number
}> &
  KeptOptions

/**
 * Where an answer comes from: `network` (asked just now), `cache` (asked within the freshness), `stale` (older; see
 * `ageMs`), `snapshot` (left by an earlier process), `fallback` (of the caller's code).
 */
export type Source = 'network' | 'cache' | 'stale' | 'snapshot' | 'fallback'

export type Served = Readonly<{
  source: Source
  /** A text, or the messages of a chat; filled, when there were variables. */
  content: Content
  /** The version with all its facts; null for a fallback. */
  prompt: ServedPrompt | null
  /** Milliseconds since the service said so; 0 for a fallback. */
  ageMs: number
  /** Why it is not from the network. */
  cause?: PromptStoreError
}>

export type Prompts = Readonly<{
  /**
   * Serve a prompt. An unset label or an unknown version is an error, never another version.
   * @throws PromptStoreError when the service says no, or is away and there is nothing to answer with
   */
  get(wanted: Wanted): Promise<Served>
}>

export function createPrompts(send: Send, writes: OwnWrites, url: string, options: ServingOptions): Prompts & { close(): Promise<void> } {
  const { freshMs = 1000, staleMs = 10_000, cooldownMs = 5000 } = options
  const kept = createKept(options, url)
  const fetcher = createFetcher(send, writes, kept, cooldownMs)

  /** What is kept, unless it is older than a write of our own. */
  const current = (key: string): Entry | undefined => {
    const entry = kept.get(key)
    return entry && !writes.outdates(entry) ? entry : undefined
  }

  /** What there is while the service is away. */
  const lastResort = (wanted: Wanted, known: Entry | undefined, cause: PromptStoreError): Served => {
    if (known) return served(known, wanted, known.fromSnapshot ? 'snapshot' : 'stale', cause)
    const plain = wanted.variables && current(keyOf({ ...wanted, variables: undefined }))
    const content = plain && fillPlain(plain.served, wanted.variables ?? {})
    if (plain && content !== undefined) return { ...served(plain, wanted, plain.fromSnapshot ? 'snapshot' : 'stale', cause), content }
    if (wanted.fallback !== undefined) return fallenBack(wanted.fallback, wanted, cause)
    throw cause
  }

  const ask = async (key: string, wanted: Wanted, known: Entry | undefined): Promise<Served> => {
    const patient = known === undefined && wanted.fallback === undefined
    try {
      const entry = await fetcher.fetch(key, patient ? wanted : { retries: 0, ...wanted }, kept.get(key))
      return served(entry, wanted, entry.late ? 'stale' : 'network')
    } catch (error) {
      const failure = error as PromptStoreError
      if (failure.isOutage) return lastResort(wanted, current(key), failure)
      if (failure.code === 'prompt.not_found' && wanted.fallback !== undefined) return fallenBack(wanted.fallback, wanted, failure)
      throw failure
    }
  }

  const get = async (wanted: Wanted): Promise<Served> => {
    if (wanted.label !== undefined && wanted.version !== undefined) throw new TypeError('Ask for a label or for a version, not for both.')
    const key = keyOf(wanted)
    const known = current(key)
    const age = known && !known.fromSnapshot ? performance.now() - known.at : Number.POSITIVE_INFINITY
    if (known && !known.fromSnapshot && (age < freshMs || known.immutable)) return served(known, wanted, known.late ? 'stale' : 'cache')
    const failure = fetcher.coolingFor()
    if (failure) return lastResort(wanted, known, failure)
    if (!known || age >= freshMs + staleMs) return ask(key, wanted, known)
    fetcher.fetch(key, { ...wanted, retries: 0 }, known).catch(() => undefined)
    return served(known, wanted, 'stale')
  }
  return { get, close: kept.close }
}

const served = (entry: Entry, { variables }: Wanted, source: Source, cause?: PromptStoreError): Served => ({
  source,
  content: (variables === undefined ? undefined : entry.served.rendered) ?? entry.served.content,
  prompt: entry.served,
  ageMs: Math.max(0, Math.round(performance.now() - entry.at)),
  ...(cause && { cause }),
})

const fallenBack = (fallback: Content, { variables }: Wanted, cause: PromptStoreError): Served => ({
  source: 'fallback',
  content: fillFallback(fallback, variables),
  prompt: null,
  ageMs: 0,
  cause,
})
