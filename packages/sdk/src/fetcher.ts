import { dataOf } from './body.ts'
import type { PromptStoreError } from './errors.ts'
import type { Entry, Kept } from './kept.ts'
import type { OwnWrites } from './own-writes.ts'
import type { Exchange, Send } from './transport.ts'
import type { ServedPrompt } from './types.ts'
import type { Wanted } from './wanted.ts'

export type Fetcher = Readonly<{
  /**
   * Ask the service, and keep what it says. One request for all who ask for the same; but not for who has written since
   * it began.
   * @param known what is kept, to be confirmed by a 304
   */
  fetch(key: string, wanted: Wanted, known: Entry | undefined): Promise<Entry>
  /** The last failure, while the service is left alone for it. */
  coolingFor(): PromptStoreError | undefined
}>

type Flight = Readonly<{ tick: number; result: Promise<Entry> }>

export function createFetcher(send: Send, writes: OwnWrites, kept: Kept, cooldownMs: number): Fetcher {
  const flights = new Map<string, Flight>()
  let cooling: { until: number; failure: PromptStoreError } | undefined

  const ask = async (wanted: Wanted, known: Entry | undefined): Promise<Entry> => {
    const [tick, at] = [writes.tick(), performance.now()]
    const answer = await request(send, wanted, known)
    cooling = undefined
    return answer.status === 304 && known ? { ...known, tick, at, fromSnapshot: false } : entryOf(answer, wanted, tick, at)
  }
  const failed = (key: string, failure: PromptStoreError) => {
    if (failure.isOutage) cooling = { until: performance.now() + (failure.retryAfterMs ?? cooldownMs), failure }
    else if (failure.status === 404 || failure.status === 410) kept.delete(key)
  }

  return {
    coolingFor: () => (cooling && performance.now() < cooling.until ? cooling.failure : undefined),
    fetch(key, wanted, known) {
      const running = flights.get(key)
      if (running?.tick === writes.tick()) return running.result
      const flight: Flight = { tick: writes.tick(), result: ask(wanted, known) }
      flights.set(key, flight)
      const ended = (then: () => void) => {
        if (flights.get(key) === flight) flights.delete(key)
        then()
      }
      flight.result.then(
        (entry) => ended(() => kept.set(key, entry)),
        (failure) => ended(() => failed(key, failure)),
      )
      return flight.result
    },
  }
}

/** By address where that can be said in one; else by a body, where nothing personal gets into a URL. */
function request(
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
