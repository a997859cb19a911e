import type { Loaded } from '../../core/cache.ts'

type Flight<V> = { promise: Promise<V>; evicted: Set<string>; disowned: boolean }

export type Loads<V> = Readonly<{
  /** Join the load of this key, or begin it. What nothing was evicted of meanwhile is given to `keep`. */
  load(key: string, loader: () => Promise<Loaded<V>>): Promise<V>
  /** Loads that run now are not shared with later callers; those that turn out to carry one of the tags are not kept. Without tags: none is. */
  disown(tags?: readonly string[]): void
  /** Loads begun; loads ended, and how long they took in milliseconds. */
  counts: Readonly<{ begun: number; ended: number; totalMs: number }>
}>

/** The loads that are under way: one per key, as far as that is safe. */
export function createLoads<V>(keep: (key: string, loaded: Loaded<V>) => void): Loads<V> {
  const joinable = new Map<string, Flight<V>>()
  const running = new Set<Flight<V>>()
  const counts = { begun: 0, ended: 0, totalMs: 0 }

  const fly = async (key: string, flight: Flight<V>, loader: () => Promise<Loaded<V>>): Promise<V> => {
    const began = performance.now()
    try {
      const loaded = await loader()
      if (!flight.disowned && !loaded.tags.some((tag) => flight.evicted.has(tag))) keep(key, loaded)
      return loaded.value
    } finally {
      counts.ended++
      counts.totalMs += performance.now() - began
      running.delete(flight)
      if (joinable.get(key) === flight) joinable.delete(key)
    }
  }

  const begin = (key: string, loader: () => Promise<Loaded<V>>): Promise<V> => {
    const flight: Flight<V> = { promise: undefined as never, evicted: new Set(), disowned: false }
    counts.begun++
    running.add(flight)
    joinable.set(key, flight)
    flight.promise = fly(key, flight, loader)
    return flight.promise
  }

  return {
    load: (key, loader) => joinable.get(key)?.promise ?? begin(key, loader),
    disown(tags) {
      joinable.clear()
      for (const flight of running) {
        if (!tags) flight.disowned = true
        else for (const tag of tags) flight.evicted.add(tag)
      }
    },
    counts,
  }
}
