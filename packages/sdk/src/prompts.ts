import { dataOf } from './body.ts'
import type { PromptStoreError } from './errors.ts'
import { fillFallback, fillPlain, type Values } from './fill.ts'
import { createKept, type Entry, type Kept, type KeptOptions } from './kept.ts'
import type { OwnWrites } from './own-writes.ts'
import type { Exchange, Send } from './transport.ts'
import type { Conduct, Content, ServedPrompt } from './types.ts'

export type ServingOptions = Readonly<{
  /** A label's answer is taken from the cache for this long, in milliseconds; 1,000 without it. */
  freshMs?: number
  /** After that it is still taken for this long, while a newer one is fetched in the background; 10,000 without it. */
  staleMs?: number
  /** After a failure the service is left alone for this long, in milliseconds, or for as long as it asks; 5,000 without it. */
  cooldownMs?: number
}> &
  KeptOptions

export type Wanted = Readonly<{
  category: string
  name: string
  /** `production` when neither a label nor a version is asked for. */
  label?: string
  version?: number
  /** Takes part in an experiment, if one runs. */
  unitId?: string
  /** Values by name: `content` is then filled with them. */
  variables?: Values
  /** The answer when the service is away and nothing is known, or when it has no such prompt. */
  fallback?: Content
}> &
  Pick<Conduct, 'timeoutMs' | 'retries'>

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

type Flight = Readonly<{ tick: number; result: Promise<Entry> }>

export function createPrompts(send: Send, writes: OwnWrites, url: string, options: ServingOptions): Prompts & { close(): Promise<void> } {
  const { freshMs = 1000, staleMs = 10_000, cooldownMs = 5000 } = options
  const kept: Kept = createKept(options, url)
  const flights = new Map<string, Flight>()
  let coolUntil = 0
  let lastFailure: PromptStoreError | undefined

  const fetchEntry = async (wanted: Wanted, known: Entry | undefined): Promise<Entry> => {
    const [tick, at] = [writes.tick(), performance.now()]
    const answer = await ask(send, wanted, known)
    coolUntil = 0
    return answer.status === 304 && known ? { ...known, tick, at, fromSnapshot: false } : entryOf(answer, wanted, tick, at)
  }

  /** One request for all who ask for the same; but not for who has written since it began. */
  const fetchOnce = (key: string, wanted: Wanted, known: Entry | undefined): Promise<Entry> => {
    const running = flights.get(key)
    if (running && running.tick === writes.tick()) return running.result
    const flight: Flight = { tick: writes.tick(), result: fetchEntry(wanted, known) }
    flights.set(key, flight)
    const done = () => {
      if (flights.get(key) === flight) flights.delete(key)
    }
    flight.result.then(
      (entry) => {
        done()
        kept.set(key, entry)
      },
      (error: PromptStoreError) => {
        done()
        if (error.isOutage) coolDown(error)
        else if (error.status === 404 || error.status === 410) kept.delete(key)
      },
    )
    return flight.result
  }

  const coolDown = (error: PromptStoreError) => {
    lastFailure = error
    coolUntil = performance.now() + (error.retryAfterMs ?? cooldownMs)
  }

  /** What there is while the service is away. */
  const lastResort = (wanted: Wanted, known: Entry | undefined, cause: PromptStoreError): Served => {
    if (known) return served(known, wanted, known.fromSnapshot ? 'snapshot' : 'stale', cause)
    const plain = wanted.variables && current(keyOf({ ...wanted, variables: undefined }))
    const filled = plain && fillPlain(plain.served, wanted.variables ?? {})
    if (plain && filled !== undefined)
      return { ...served(plain, wanted, plain.fromSnapshot ? 'snapshot' : 'stale', cause), content: filled }
    if (wanted.fallback !== undefined) return fallenBack(wanted.fallback, wanted, cause)
    throw cause
  }

  /** What is kept, unless it is older than a write of our own. */
  const current = (key: string): Entry | undefined => {
    const entry = kept.get(key)
    return entry && !writes.outdates(entry) ? entry : undefined
  }

  const get = async (wanted: Wanted): Promise<Served> => {
    if (wanted.label !== undefined && wanted.version !== undefined) throw new TypeError('Ask for a label or for a version, not for both.')
    const key = keyOf(wanted)
    const known = current(key)
    const age = known && !known.fromSnapshot ? performance.now() - known.at : Number.POSITIVE_INFINITY
    if (known && (age < freshMs || known.immutable) && !known.fromSnapshot) return served(known, wanted, known.late ? 'stale' : 'cache')
    if (performance.now() < coolUntil && lastFailure) return lastResort(wanted, known, lastFailure)
    if (known && age < freshMs + staleMs) {
      fetchOnce(key, { ...wanted, retries: 0 }, known).catch(() => undefined)
      return served(known, wanted, 'stale')
    }
    try {
      const entry = await fetchOnce(key, known || wanted.fallback !== undefined ? { retries: 0, ...wanted } : wanted, kept.get(key))
      return served(entry, wanted, entry.late ? 'stale' : 'network')
    } catch (error) {
      const failure = error as PromptStoreError
      if (failure.isOutage) return lastResort(wanted, current(key), failure)
      if (failure.code === 'prompt.not_found' && wanted.fallback !== undefined) return fallenBack(wanted.fallback, wanted, failure)
      throw failure
    }
  }
  return { get, close: kept.close }
}

const keyOf = ({ category, name, label, version, unitId, variables }: Partial<Record<keyof Wanted, unknown>>): string =>
  JSON.stringify([category, name, version ?? label ?? 'production', unitId ?? null, variables ?? null])

/** By address where that can be said in one; else by a body, where nothing personal gets into a URL. */
function ask(
  send: Send,
  { category, name, label, version, unitId, variables, ...conduct }: Wanted,
  known: Entry | undefined,
): Promise<Exchange> {
  const { timeoutMs, retries } = conduct
  const how = { ...(timeoutMs !== undefined && { timeoutMs }), ...(retries !== undefined && { retries }) }
  const which = version === undefined ? { label: label ?? 'production' } : { version }
  const addressable = ![category, name].some((part) => part === '.' || part === '..')
  if (variables === undefined && unitId === undefined && addressable)
    return send('GET', '/prompts/search/{category}/{name}', {
      ...how,
      path: { category, name },
      query: which,
      ...(known?.etag && { headers: { 'If-None-Match': known.etag } }),
    })
  const body = { category, name, ...which, ...(unitId !== undefined && { unitId }), ...(variables && { variables }) }
  return send('POST', '/prompts/resolve', { ...how, body })
}

function entryOf({ status, headers, text }: Exchange, { category, name, variables, unitId }: Wanted, tick: number, at: number): Entry {
  const prompt: ServedPrompt = dataOf(text, status)
  const cacheControl = headers.get('cache-control') ?? ''
  const late = headers.get('x-prompt-stale') === 'true'
  return {
    served: prompt,
    size: text.length,
    etag: headers.get('etag'),
    tick,
    at: at - (late ? Number(headers.get('age') ?? 0) * 1000 : 0),
    late,
    immutable: cacheControl.includes('immutable') && !late,
    storable: !cacheControl.includes('no-store'),
    personal: variables !== undefined || unitId !== undefined,
    fromSnapshot: false,
    promptIds: [prompt.id, ...prompt.includes.map(({ promptId }) => promptId)],
    byFormerName: prompt.category !== category || prompt.name !== name,
  }
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
