import { createRequire } from 'node:module'
import { isIP } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { Dispatcher, Pool } from 'undici'

/** The client takes 10 MB, so it is loaded when somewhere is first called. */
const client = (): typeof import('undici') => createRequire(import.meta.url)('undici')

export type ConnectionOptions = Readonly<{
  /** Certificates that are trusted instead of the usual ones. */
  ca?: string
  /** Most connections of one group to one address of one origin; more requests wait, within their time. */
  perOrigin?: number
  /** How many pools are kept for reuse. */
  pools?: number
}>

/** Bytes of an answer's head. */
const maxHeaderSize = 16 * 1024
/** An attempt to connect that takes longer has failed, so that the next address gets its turn. */
const connectTimeoutMs = 3000

/**
 * Pools of connections, each to one checked address of one origin for one group. What was used least lately is closed
 * when its last request is done.
 */
export function connections({ ca, perOrigin = 16, pools = 256 }: ConnectionOptions) {
  const kept = new LRUCache<string, Pool>({ max: pools, dispose: (pool) => void pool.close().catch(() => undefined) })
  return {
    /** The pool for an address that was checked just now. */
    to(url: URL, address: string, group: string): Dispatcher {
      const key = JSON.stringify([group, url.origin, address])
      const used = kept.get(key)
      if (used) return used
      const pool = pinnedPool(url, address, { ca, perOrigin })
      kept.set(key, pool)
      return pool
    },
    /** End all connections, also those in use. */
    async close(): Promise<void> {
      const all = [...kept.values()]
      await Promise.all(all.map((pool) => pool.destroy()))
      kept.clear()
    },
  }
}

/** Connects to the address, whatever the name's DNS says by now; certificate and Host are the name's. */
function pinnedPool(url: URL, address: string, { ca, perOrigin }: { ca: string | undefined; perOrigin: number }): Pool {
  const { buildConnector, Pool } = client()
  const connect = buildConnector({
    allowH2: false,
    timeout: connectTimeoutMs,
    rejectUnauthorized: true, // also where NODE_TLS_REJECT_UNAUTHORIZED says otherwise
    minVersion: 'TLSv1.2',
    ...(ca !== undefined && { ca }),
  })
  const name = url.hostname.replace(/^\[|\]$/g, '')
  const servername = url.protocol === 'https:' && isIP(name) === 0 ? { servername: name } : {}
  return new Pool(url.origin, {
    connections: perOrigin,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize,
    // One clock per request runs over all of it: exchange.ts.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 4000,
    keepAliveMaxTimeout: 30_000,
    connect: ({ host, protocol, port }, callback) =>
      connect({ ...(host !== undefined && { host }), hostname: address, protocol, port, ...servername }, callback),
  })
}
