import { LRUCache } from 'lru-cache'
import type { Made } from './own-writes.ts'
import { createSnapshot, noSnapshot, type Saved } from './snapshot.ts'
import type { ServedPrompt } from './types.ts'

/** An answer of the service, and what may be done with it. */
export type Entry = Made &
  Readonly<{
    served: ServedPrompt
    /** Characters of its JSON. */
    size: number
    etag: string | null
    /** When the service said so, by `performance.now()`. */
    at: number
    /** The service itself said that it is not up to date. */
    late: boolean
    /** It never changes: a pinned version. */
    immutable: boolean
    /** The service lets it be kept. */
    storable: boolean
    /** Made for one caller's values: it does not get into a file. */
    personal: boolean
    /** Left by an earlier process, and not confirmed since. */
    fromSnapshot: boolean
  }>

export type KeptOptions = Readonly<{
  /** The most that the cache holds, in characters of JSON; 64 Mi without it. */
  cacheSize?: number
  /** A file that keeps known answers for a start while the service is away. */
  snapshotPath?: string | undefined
  /** Told what the caller should know and no failure says; `console.warn` without it. */
  warn?: (message: string) => void
}>

/** The answers that are kept: in memory, least recently used first out; on disk, when a file was named. */
export type Kept = Readonly<{
  get(key: string): Entry | undefined
  set(key: string, entry: Entry): void
  delete(key: string): void
  close(): Promise<void>
}>

export function createKept({ cacheSize = 64 * 1024 * 1024, snapshotPath, warn = console.warn }: KeptOptions, url: string): Kept {
  const entries = new LRUCache<string, Entry>({ maxSize: Math.max(1, cacheSize), sizeCalculation: ({ size }, key) => size + key.length })
  const collect = (): Saved[] =>
    [...entries]
      .reverse()
      .flatMap(([key, { served, etag, at, personal }]) =>
        personal ? [] : [{ key, etag, savedAt: Math.round(performance.timeOrigin + at), served }],
      )
  const snapshot = snapshotPath === undefined ? noSnapshot : createSnapshot(snapshotPath, url, collect, warn)
  for (const saved of snapshot.read()) entries.set(saved.key, entryOf(saved))

  return {
    get: (key) => entries.get(key),
    set(key, entry) {
      const before = entries.peek(key)
      if (!entry.storable) entries.delete(key)
      // An answer that was asked for later is the newer one, whichever came first.
      else if (!before || before.at <= entry.at) entries.set(key, entry)
      if (entry.storable && !entry.personal && before?.etag !== entry.etag) snapshot.schedule()
    },
    delete(key) {
      if (entries.delete(key)) snapshot.schedule()
    },
    close: () => snapshot.close(),
  }
}

const entryOf = ({ key, etag, savedAt, served }: Saved): Entry => ({
  served,
  size: JSON.stringify(served).length,
  etag,
  at: savedAt - performance.timeOrigin,
  late: false,
  immutable: false,
  storable: true,
  personal: false,
  fromSnapshot: true,
  tick: 0,
  promptIds: [served.id, ...served.includes.map(({ promptId }) => promptId)],
  byFormerName: !key.startsWith(JSON.stringify([served.category, served.name]).slice(0, -1)),
})
