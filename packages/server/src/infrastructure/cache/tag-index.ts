/** Which keys carry which tags. */
export type TagIndex = Readonly<{
  add(key: string, tags: readonly string[]): void
  remove(key: string, tags: readonly string[]): void
  keysWith(tags: readonly string[]): Set<string>
  /** How many tags are in use. */
  size(): number
}>

export function createTagIndex(): TagIndex {
  const keysOf = new Map<string, Set<string>>()
  return {
    add(key, tags) {
      for (const tag of tags) {
        const keys = keysOf.get(tag)
        if (keys) keys.add(key)
        else keysOf.set(tag, new Set([key]))
      }
    },
    remove(key, tags) {
      for (const tag of tags) {
        const keys = keysOf.get(tag)
        keys?.delete(key)
        if (keys?.size === 0) keysOf.delete(tag)
      }
    },
    keysWith: (tags) => new Set(tags.flatMap((tag) => [...(keysOf.get(tag) ?? [])])),
    size: () => keysOf.size,
  }
}
