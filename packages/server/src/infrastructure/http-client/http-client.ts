import { AppError } from '../../core/errors.ts'
import { headerFault, type Outbound, OutboundFailure, type OutboundRequest, OutboundUrlRefused } from '../../core/outbound.ts'
import { type ConnectionOptions, connections } from './connections.ts'
import { deadline, Failed, unlessEnded } from './deadline.ts'
import { type Exchange, exchange, type Outcome } from './exchange.ts'
import { answerFailure, connectFailure, dnsFailure } from './failures.ts'
import { dnsResolver, type Resolve } from './resolver.ts'
import { addressesFault, type GuardRules, isRefused, type Refusable, readTarget, type Target } from './target.ts'

export type HttpClientOptions = GuardRules & ConnectionOptions & Readonly<{ resolve?: Resolve }>

/** How long a person who saves a URL waits for DNS. */
const checkMs = 3000
const longestMs = 600_000
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * The guarded way out. Every request resolves its name anew, judges all addresses, and connects to one of those and to
 * nothing else; so it does not matter what the name means a moment later. `close` ends all connections.
 */
export function httpClient({ resolve = dnsResolver(), ...options }: HttpClientOptions): Outbound & { close(): Promise<void> } {
  const pools = connections(options)

  const addressesOf = async (target: Target): Promise<Refusable<{ addresses: readonly string[] }>> => {
    if (target.literal) return { addresses: target.literal } // judged with the URL
    const addresses = await resolve(target.host).catch((error) => {
      throw dnsFailure(error, target.host)
    })
    const fault = addressesFault(target, addresses, options)
    return fault ? { refused: fault } : { addresses }
  }

  /** @throws Failed */
  const send = async (input: OutboundRequest, signal: AbortSignal) => {
    const ready = prepared(input, options)
    if (isRefused(ready)) throw new Failed('refused', ready.refused)
    const { target, headers } = ready
    const found = await unlessEnded(addressesOf(target), signal)
    if (isRefused(found)) throw new Failed('refused', found.refused)
    const { url } = target
    const { method, body, maxBytes } = input
    const request: Exchange = { path: url.pathname + url.search, method, headers, body, maxBytes, signal }
    return firstAnswer(target, found.addresses, (address) => exchange(pools.to(url, address, input.group ?? ''), request))
  }

  return {
    async check(url, pointer = '/url') {
      const target = readTarget(url, options)
      const verdict = isRefused(target) ? target : await addressesInTime(addressesOf(target))
      if (!verdict || !isRefused(verdict)) return
      const { refused: detail } = verdict
      throw new AppError(OutboundUrlRefused, detail, { errors: [{ pointer, code: OutboundUrlRefused.code, detail }] })
    },

    async request(input) {
      const startedAt = performance.now()
      const tookMs = () => Math.round(performance.now() - startedAt)
      const clock = deadline(Math.min(input.timeoutMs, longestMs), input.signal)
      try {
        const answer = await send(input, clock.signal)
        return { ...answer, tookMs: tookMs() }
      } catch (error) {
        if (!(error instanceof Failed)) throw error
        throw new OutboundFailure(error.code, error.detail, { ...error.where, tookMs: tookMs() })
      } finally {
        clock.end()
      }
    },

    close: () => pools.close(),
  }
}

/** Addresses are tried in turn until one takes a connection: until then nothing was sent, so nothing is repeated. @throws Failed */
async function firstAnswer(target: Target, addresses: readonly string[], attempt: (address: string) => Promise<Outcome>) {
  let failure = new Failed('dns', `DNS knows no address of ${target.host}.`)
  for (const address of addresses) {
    const outcome = await attempt(address)
    if ('answer' in outcome) return { ...outcome.answer, address }
    failure = failedAt(address, outcome, target.url)
    if (failure.code !== 'connect') break
  }
  throw failure
}

/** Undefined when DNS does not say in time, or knows nothing: that is for the request to find. */
async function addressesInTime<T>(addresses: Promise<T>): Promise<T | undefined> {
  const clock = deadline(checkMs, undefined)
  try {
    return await unlessEnded(addresses, clock.signal)
  } catch (error) {
    if (error instanceof Failed) return undefined
    throw error
  } finally {
    clock.end()
  }
}

/** All that can be said before anything is asked of anybody. */
function prepared(
  { url, method, headers }: OutboundRequest,
  rules: GuardRules,
): Refusable<{ target: Target; headers: Record<string, string> }> {
  if (!methods.has(method)) return { refused: 'This method cannot be sent.' }
  for (const [name, value] of Object.entries(headers)) {
    const fault = headerFault(name, value)
    if (fault) return { refused: fault }
  }
  const target = readTarget(url, rules)
  if (isRefused(target)) return target
  const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return { target, headers: { 'user-agent': 'prompt-store', 'accept-encoding': 'identity', ...Object.fromEntries(given) } }
}

function failedAt(address: string, { error, sent, status }: Extract<Outcome, { error: Error }>, url: URL): Failed {
  if (error instanceof Failed) return new Failed(error.code, error.detail, { address, status })
  const { code, detail } = sent ? answerFailure(error) : connectFailure(error, url.protocol === 'https:')
  return new Failed(code, detail, { address, status })
}
