import { LRUCache } from 'lru-cache'
import type { Cache, CacheStats, Loaded } from '../../core/cache.ts'

type Entry<V> = { value: V; tags: readonly string[]; bytes: number }
type Flight<V> = { promise: Promise<V>; evicted: Set<string>; all: boolean }

/** What an entry costs beside its value: key, tags, and their places in the maps. */
const overhead = 600

/** A level-1 cache area over lru-cache. @param maxBytes bound of the sum of all entries; @param enabled false: nothing is kept */
export function createTaggedCache<V>(options: { name: string; maxBytes: number; enabled?: boolean }): Cache<V> {
  const { name, maxBytes, enabled = true } = options
  const keysOf = new Map<string, Set<string>>()
  const flights = new Map<string, Flight<V>>()
  const running = new Set<Flight<V>>()
  const counts = { hits: 0, misses: 0, evictions: 0, loads: 0, loadMs: 0 }

  const untag = (entry: Entry<V>, key: string) => {
    for (const tag of entry.tags) {
      const keys = keysOf.get(tag)
      keys?.delete(key)
      if (keys?.size === 0) keysOf.delete(tag)
    }
  }
  const lru = new LRUCache<string, Entry<V>>({ maxSize: maxBytes, sizeCalculation: ({ bytes }) => bytes + overhead, dispose: untag })

  const keep = (key: string, { value, tags, bytes, expiresInMs }: Loaded<V>) => {
    if (!enabled || bytes + overhead > maxBytes) return
    lru.set(key, { value, tags, bytes }, expiresInMs === undefined ? {} : { ttl: expiresInMs })
    for (const tag of tags) {
      const keys = keysOf.get(tag)
      if (keys) keys.add(key)
      else keysOf.set(tag, new Set([key]))
    }
  }

  const start = (key: string, loader: () => Promise<Loaded<V>>): Promise<V> => {
    const flight: Flight<V> = { promise: undefined as never, evicted: new Set(), all: false }
    const began = performance.now()
    counts.misses++
    flight.promise = loader()
      .then((loaded) => {
        if (!flight.all && !loaded.tags.some((tag) => flight.evicted.has(tag))) keep(key, loaded)
        return loaded.value
      })
      .finally(() => {
        counts.loads++
        counts.loadMs += performance.now() - began
        running.delete(flight)
        if (flights.get(key) === flight) flights.delete(key)
      })
    running.add(flight)
    flights.set(key, flight)
    return flight.promise
  }

  const drop = (keys: ReadonlySet<string>): number => {
    for (const key of keys) lru.delete(key)
    counts.evictions += keys.size
    return keys.size
  }
  /** Loads that run now are not shared with later callers, and not kept. */
  const disown = () => {
    flights.clear()
    for (const flight of running) flight.all = true
  }

  return {
    name,
    get(key) {
      const entry = lru.get(key)
      if (entry) counts.hits++
      return entry?.value
    },
    peek: (key) => lru.peek(key)?.value,
    load: (key, loader) => flights.get(key)?.promise ?? start(key, loader),
    evict(tags) {
      flights.clear()
      for (const flight of running) for (const tag of tags) flight.evicted.add(tag)
      return drop(new Set(tags.flatMap((tag) => [...(keysOf.get(tag) ?? [])])))
    },
    evictWhere(test) {
      disown()
      return drop(new Set([...lru.entries()].filter(([key, { tags }]) => test(key, tags)).map(([key]) => key)))
    },
    clear() {
      disown()
      const { size } = lru
      lru.clear()
      counts.evictions += size
      return size
    },
    stats: (): CacheStats => ({
      entries: lru.size,
      bytes: lru.calculatedSize,
      maxBytes,
      hits: counts.hits,
      misses: counts.misses,
      evictions: counts.evictions,
      loadMs: { count: counts.loads, total: counts.loadMs },
    }),
    entries(limit) {
      const found: { key: string; bytes: number; tags: readonly string[] }[] = []
      for (const [key, entry] of lru.entries()) {
        if (found.length >= limit) break
        found.push({ key, bytes: entry.bytes, tags: entry.tags })
      }
      return found
    },
  }
}
