/** The middle value; of an even number the mean of the two in the middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** The value below which the fraction `q` (0–1) of the values lies (nearest rank). NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))]!
}

export type Pair<T> = Readonly<{ ours: T; rival: T }>

/**
 * Measure two things by turns, so that both see the same machine: ours, rival, then rival, ours, and so on.
 * @param rounds how many pairs
 */
export async function alternate<T>(
  rounds: number,
  ours: (round: number) => T | Promise<T>,
  rival: (round: number) => T | Promise<T>,
): Promise<Pair<T>[]> {
  const pairs: Pair<T>[] = []
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const first = await ours(round)
      pairs.push({ ours: first, rival: await rival(round) })
    } else {
      const first = await rival(round)
      pairs.push({ ours: await ours(round), rival: first })
    }
  }
  return pairs
}

/** The median of each pair's own ratio: what disturbs both sides of a pair cancels out. */
export const medianRatio = <T>(pairs: readonly Pair<T>[], figureOf: (one: T) => number): number =>
  median(pairs.map(({ ours, rival }) => figureOf(ours) / figureOf(rival)))

/** The median of one side. */
export const medianOf = <T>(pairs: readonly Pair<T>[], side: 'ours' | 'rival', figureOf: (one: T) => number): number =>
  median(pairs.map((pair) => figureOf(pair[side])))
