import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { On, Principal } from '../access.ts'
import { may } from '../access.ts'
import type { Feed } from '../feed/feed.ts'
import { xidOf } from '../feed/token.ts'
import { noneMatch, requestIdOf } from './headers.ts'
import type { FastLane } from './server.ts'

/** A finished answer that is at hand. `headers` are names and values in turn, as `writeHead` takes them. */
export type Finished = Readonly<{
  bytes: Buffer
  /** Absent: it is never a 304. */
  etag?: string
  rawHeaders: readonly string[]
  /** What a caller whose permission is limited needs it for. */
  on: On
}>

/** A hot path: a plain function from an address to finished bytes, or nothing. */
export type HotPath = Readonly<{
  /** The route template, for the metrics. */
  route: string
  access: string
  /** What the address begins with. */
  prefix: string
  /** @param rest what follows the prefix, not decoded; @returns undefined to take the usual way */
  find(workspaceId: string, rest: string): Finished | undefined
  /** Told of each answer of `find` that a caller was given. */
  given?(workspaceId: string, found: Finished): void
}>

/**
 * Answer hot reads before the framework sees them: the key is known, the feed is current, the bytes are in the cache.
 * Whatever is not at hand, or not plain, is left to the usual way, which answers the same.
 */
export function createFastLane(parts: {
  paths: readonly HotPath[]
  peek: (request: IncomingMessage) => Principal | undefined
  /** Within the caller's limit, which this takes from? Refusals are the usual way's. @param now milliseconds, monotonic */
  take: (principal: Principal, now: number) => boolean
  feed: Feed
  closing: () => boolean
  observe: (route: string, status: number, startedAt: number, headers: IncomingHttpHeaders) => void
}): FastLane {
  const { paths, peek, take, feed, closing, observe } = parts
  return (request, response) => {
    if (request.method !== 'GET') return false
    const url = request.url!
    const path = paths.find(({ prefix }) => url.startsWith(prefix))
    if (!path) return false
    const startedAt = performance.now()
    const { headers } = request
    const principal = peek(request)
    if (!principal || !may(principal, path.access) || !tokenSatisfied(headers, feed)) return false
    const found = path.find(principal.workspaceId, url.slice(path.prefix.length))
    if (!found || (principal.limits && !may(principal, path.access, found.on)) || !take(principal, startedAt)) return false
    path.given?.(principal.workspaceId, found)
    const status = found.etag !== undefined && noneMatch(headers['if-none-match'], found.etag) ? 304 : 200
    const head = [...found.rawHeaders, 'X-Request-Id', requestIdOf(headers['x-request-id'])]
    if (closing()) head.push('Connection', 'close')
    if (status === 304) response.writeHead(304, head).end()
    else {
      head.push('Content-Length', String(found.bytes.length))
      response.writeHead(200, head).end(found.bytes)
    }
    observe(path.route, status, startedAt, headers)
    return true
  }
}

function tokenSatisfied({ 'x-consistency-token': token }: IncomingHttpHeaders, feed: Feed): boolean {
  if (token === undefined) return true
  try {
    return feed.hasApplied(xidOf(String(token)))
  } catch {
    return false
  }
}
