/** A value to keep, with the tags that evict it and how many bytes it takes. */
export type Loaded<V> = Readonly<{ value: V; tags: readonly string[]; bytes: number; expiresInMs?: number }>

export type CacheStats = {
  entries: number
  bytes: number
  maxBytes: number
  hits: number
  misses: number
  evictions: number
  loadMs: { count: number; total: number }
}

/** One area of a level-1 cache: bounded by bytes, evicted by tag, one load per key at a time. */
export type Cache<V> = Readonly<{
  name: string
  /** Counts a hit or nothing: a miss is counted by `load`. */
  get(key: string): V | undefined
  /** Like `get`, but counts nothing and does not keep the entry from being pushed out. */
  peek(key: string): V | undefined
  /**
   * Load and keep. Callers of one key share one load; one that began before an eviction is not shared with callers
   * that came after it, and is not kept when the eviction meant its tags.
   */
  load(key: string, loader: () => Promise<Loaded<V>>): Promise<V>
  evict(tags: readonly string[]): number
  /** Evict what the test says. @returns how many entries went */
  evictWhere(test: (key: string, tags: readonly string[]) => boolean): number
  clear(): number
  stats(): CacheStats
  /** Keys, most recently used first, with their size in bytes. */
  entries(limit: number): { key: string; bytes: number; tags: readonly string[] }[]
}>

/** A level-2 cache shared by instances, for values that never change. Never throws and never waits long: trouble is a miss. */
export type SharedCache = Readonly<{
  getMany(keys: readonly string[]): Promise<(string | undefined)[]>
  setMany(entries: readonly { key: string; value: string }[]): void
  /** Take values out for good. @throws, unlike the others, when it does not answer: the caller has to try again */
  deleteMany(keys: readonly string[]): Promise<void>
  stats(): { state: 'off' | 'connected' | 'away'; hits: number; misses: number; errors: number }
  /** Resolves with the round trip in milliseconds. @throws when it does not answer */
  ping(): Promise<number>
  close(): Promise<void>
}>

export const noSharedCache: SharedCache = {
  getMany: async (keys) => keys.map(() => undefined),
  setMany: () => undefined,
  deleteMany: async () => undefined,
  stats: () => ({ state: 'off', hits: 0, misses: 0, errors: 0 }),
  ping: async () => 0,
  close: async () => undefined,
}
