import { LRUCache } from 'lru-cache'
import type { Cache, CacheStats, Loaded } from '../../core/cache.ts'
import { createLoads } from './loads.ts'
import { createTagIndex } from './tag-index.ts'

type Entry<V> = { value: V; tags: readonly string[]; bytes: number }

/** What an entry costs beside its value: key, tags, and their places in the maps. */
const overhead = 600

/** A level-1 cache area over lru-cache. @param maxBytes bound of the sum of all entries; @param enabled false: nothing is kept */
export function createTaggedCache<V>(options: { name: string; maxBytes: number; enabled?: boolean }): Cache<V> {
  const { name, maxBytes, enabled = true } = options
  const tagged = createTagIndex()
  const counts = { hits: 0, evictions: 0 }
  const lru = new LRUCache<string, Entry<V>>({
    maxSize: maxBytes,
    sizeCalculation: ({ bytes }) => bytes + overhead,
    dispose({ tags }, key, reason) {
      if (reason === 'evict') counts.evictions++ // pushed out by others
      tagged.remove(key, tags)
    },
  })

  const keep = (key: string, { value, tags, bytes, expiresInMs }: Loaded<V>) => {
    if (!enabled || bytes + overhead > maxBytes) return
    lru.set(key, { value, tags, bytes }, expiresInMs === undefined ? {} : { ttl: Math.max(1, Math.ceil(expiresInMs)) })
    tagged.add(key, tags)
  }
  const loads = createLoads<V>(keep)

  const drop = (keys: ReadonlySet<string>): number => {
    for (const key of keys) lru.delete(key)
    counts.evictions += keys.size
    return keys.size
  }

  return {
    name,
    get(key) {
      const entry = lru.get(key)
      if (entry) counts.hits++
      return entry?.value
    },
    peek: (key) => lru.peek(key)?.value,
    load: loads.load,
    evict(tags) {
      loads.disown(tags)
      return drop(tagged.keysWith(tags))
    },
    evictWhere(test) {
      loads.disown()
      return drop(new Set([...lru.entries()].filter(([key, { tags }]) => test(key, tags)).map(([key]) => key)))
    },
    clear() {
      loads.disown()
      const { size } = lru
      lru.clear()
      counts.evictions += size
      return size
    },
    stats: () => statsOf(lru, counts, loads.counts),
    entries: (limit) => [...lru.entries()].slice(0, limit).map(([key, { bytes, tags }]) => ({ key, bytes, tags })),
  }
}

type Counts = Readonly<{ hits: number; evictions: number }>
type LoadCounts = Readonly<{ begun: number; ended: number; totalMs: number }>

const statsOf = <V>(lru: LRUCache<string, Entry<V>>, { hits, evictions }: Counts, loads: LoadCounts): CacheStats => ({
  entries: lru.size,
  bytes: lru.calculatedSize,
  maxBytes: lru.maxSize,
  hits,
  misses: loads.begun,
  evictions,
  loadMs: { count: loads.ended, total: loads.totalMs },
})
