import { dataOf } from './body.ts'
import type { PromptStoreError } from './errors.ts'
import { createOwnWrites } from './own-writes.ts'
import { createPrompts, type Prompts, type ServingOptions } from './prompts.ts'
import { type AnyOptions, createTransport, type Exchange, type Send } from './transport.ts'
import type { Conduct, ItemOf, Method, Optional, PagedRoute, Reply, RequestOptions, Route } from './types.ts'

export type ClientOptions = Readonly<{
  /** Where the service is, such as `http://127.0.0.1:5110`. */
  url: string
  apiKey?: string | undefined
  /** Sent with every request. */
  headers?: Readonly<Record<string, string>>
  /** Milliseconds that one attempt may take; 10,000 without it. */
  timeoutMs?: number
  /** Further attempts after a failure that may pass (no answer, 429, 502, 503, 504); 2 without it. */
  retries?: number
  /** The longest `Retry-After` that is waited for, in milliseconds; 10,000 without it. */
  maxWaitMs?: number
  fetch?: typeof fetch
}> &
  ServingOptions

/** An answer with its status and headers. */
export type Answer<T> = Readonly<{ status: number; headers: Headers; data: T }>

export type Client = Readonly<{
  /** Call `method path` of the API. @throws PromptStoreError for every failure */
  request<M extends Method, P extends Route<M>>(method: M, path: P, ...options: Optional<RequestOptions<M, P>>): Promise<Reply<M, P>>
  /** The same, with status and headers. */
  exchange<M extends Method, P extends Route<M>>(
    method: M,
    path: P,
    ...options: Optional<RequestOptions<M, P>>
  ): Promise<Answer<Reply<M, P>>>
  /** Walk a list, page after page. */
  paginate<P extends PagedRoute>(path: P, ...options: Optional<RequestOptions<'GET', P>>): AsyncGenerator<ItemOf<P>, void, undefined>
  /** Serve prompts, with a cache in this process. */
  prompts: Prompts
  /** Stop background work, break off what is under way, and write the snapshot a last time. */
  close(): Promise<void>
}>

/** A client of one service, for one key. Nothing in it keeps the process alive, save calls that are waited for. */
export function createClient(options: ClientOptions): Client {
  const { url, apiKey, headers, timeoutMs = 10_000, retries = 2, maxWaitMs = 10_000 } = options
  const base = `${url.replace(/\/+$/, '')}/api/v1`
  const writes = createOwnWrites()
  const transport = createTransport({ timeoutMs, retries, maxWaitMs, fetch: options.fetch ?? ((input, init) => fetch(input, init)) })
  const common = { ...headers, ...(apiKey && { Authorization: `Bearer ${apiKey}` }) }

  const send: Send = async (method, path, { path: values, query, body, ...conduct } = {}) => {
    const token = writes.token()
    const sent = {
      ...common,
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(isRead(method, path) ? token && { 'X-Consistency-Token': token } : {}),
      ...(method === 'GET' ? {} : keyOf(conduct)),
      ...(conduct.ifMatch !== undefined && { 'If-Match': `"${conduct.ifMatch}"` }),
      ...conduct.headers,
    }
    const call = { ...conduct, method, url: base + fill(path, values ?? {}) + queryString(query ?? {}), body, headers: sent }
    return isRead(method, path) ? transport.send(call) : write(call, path, values)
  }

  /** Whatever a write may have changed is not answered from the cache any more; also when its outcome is not known. */
  const write = async (call: Parameters<typeof transport.send>[0], path: string, values: AnyOptions['path']): Promise<Exchange> => {
    const reach = path === '/prompts' ? 'a new prompt' : path.startsWith('/prompts/{id}') ? String(values?.id) : undefined
    try {
      const answer = await transport.send(call)
      const token = answer.headers.get('x-consistency-token') ?? undefined
      if (token) writes.wrote(reach, token)
      return answer
    } catch (error) {
      if ((error as PromptStoreError).isOutage) writes.wrote(reach, undefined)
      throw error
    }
  }

  const exchange = async (method: Method, path: string, given?: AnyOptions): Promise<Answer<never>> => {
    const { status, headers: received, text } = await send(method, path, given)
    return { status, headers: received, data: dataOf(text, status) }
  }
  async function* paginate(path: string, given: AnyOptions = {}): AsyncGenerator<never, void, undefined> {
    let cursor: string | null | undefined
    do {
      const query = { ...given.query, ...(cursor && { cursor }) }
      const { data }: { data: { items: never[]; nextCursor: string | null } } = await exchange('GET', path, { ...given, query })
      yield* data.items
      cursor = data.nextCursor
    } while (cursor)
  }

  const prompts = createPrompts(send, writes, url, options)
  return {
    exchange: exchange as Client['exchange'],
    request: (async (method: Method, path: string, given?: AnyOptions) => (await exchange(method, path, given)).data) as Client['request'],
    paginate: paginate as Client['paginate'],
    prompts: { get: prompts.get },
    async close() {
      transport.close()
      await prompts.close()
    },
  }
}

/** What changes nothing although it is a POST: it takes a token like any read. */
const reads: ReadonlySet<string> = new Set<Route<'POST'>>([
  '/prompts/resolve',
  '/prompts/batch-get',
  '/prompts/{id}/render',
  '/access/check',
  '/access/explain',
])
const isRead = (method: Method, path: string): boolean => method === 'GET' || reads.has(path)

/** One key per call, the same for all its attempts. */
const keyOf = ({ idempotencyKey }: Conduct): Record<string, string> =>
  idempotencyKey === false ? {} : { 'Idempotency-Key': idempotencyKey ?? crypto.randomUUID() }

const fill = (path: string, values: Readonly<Record<string, unknown>>): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined || value === '') throw new TypeError(`"${name}" is needed in ${path}.`)
    if (value === '.' || value === '..')
      throw new TypeError(`"${value}" cannot stand in a path. Send it in a body (POST /prompts/resolve) or a query.`)
    return encodeURIComponent(String(value))
  })

/** Lists are repeated, what is undefined is left out. */
function queryString(query: Readonly<Record<string, unknown>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    for (const one of [value].flat()) if (one !== undefined) search.append(name, String(one))
  return search.size > 0 ? `?${search}` : ''
}
