/** Which keys carry which tags. */
export type TagIndex = Readonly<{
  add(key: string, tags: readonly string[]): void
  remove(key: string, tags: readonly string[]): void
  keysWith(tags: readonly string[]): Set<string>
  /** How many tags are in use. */
  size(): number
}>

export function createTagIndex(): TagIndex {
  /** Most tags are of one prompt, which has one key: it stands for itself, as a set for each would take 200 bytes. */
  const keysOf = new Map<string, string | Set<string>>()
  return {
    add(key, tags) {
      for (const tag of tags) {
        const keys = keysOf.get(tag)
        if (keys === undefined) keysOf.set(tag, key)
        else if (typeof keys === 'object') keys.add(key)
        else if (keys !== key) keysOf.set(tag, new Set([keys, key]))
      }
    },
    remove(key, tags) {
      for (const tag of tags) {
        const keys = keysOf.get(tag)
        if (typeof keys === 'object') keys.delete(key)
        if (keys === key || (typeof keys === 'object' && keys.size === 0)) keysOf.delete(tag)
      }
    },
    keysWith: (tags) =>
      new Set(
        tags.flatMap((tag) => {
          const keys = keysOf.get(tag)
          return typeof keys === 'object' ? [...keys] : (keys ?? [])
        }),
      ),
    size: () => keysOf.size,
  }
}
