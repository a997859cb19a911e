/**
 * Bounds of an LRUCache by the number of its entries, each counted as one. The option `max` would do the same, but takes
 * the memory of a full cache at once, 30 bytes or more for each entry that may come, when most never do.
 */
export const atMost = (entries: number) => ({ maxSize: entries, sizeCalculation: () => 1 }) as const
