/** How many values a hash can have: ranges lie in [0, 2³²). */
export const hashes = 2 ** 32

/** Units whose hash is in [start, end) see this variant. Whole numbers from 0 to 2³². */
export type Range = Readonly<{ variant: string; start: number; end: number }>
/** A weight is ≥ 0, in any unit; at least one is above 0. */
export type Weighted = Readonly<{ key: string; weight: number }>

/**
 * The ranges that a test begins with: one per variant, in their order, `start = floor(cumulative weight × 2³² / total)`.
 * The range of a variant without weight is empty.
 * @throws RangeError for weights that are negative, not finite or all 0
 */
export function rangesOf(variants: readonly Weighted[]): Range[] {
  const total = variants.reduce((sum, { weight }) => sum + weight, 0)
  if (!(total > 0 && Number.isFinite(total) && variants.every(({ weight }) => weight >= 0)))
    throw new RangeError('weights must not be negative, and at least one must be above 0')
  let before = 0
  const starts = variants.map(({ weight }) => {
    const start = Math.floor((before * hashes) / total)
    before += weight
    return start
  })
  return variants.map(({ key }, i) => ({ variant: key, start: starts[i]!, end: starts[i + 1] ?? hashes }))
}

/**
 * The ranges after a change of weights: only the mass that must move moves. A shrinking variant gives the end of its
 * ranges to the growing ones, in their order; a variant that is no longer there gives everything.
 * @param ranges those of now: they cover [0, 2³²) without overlap
 * @returns ranges in the order of their start, none empty, neighbours of one variant joined
 * @throws RangeError as `rangesOf`
 */
export function reweighed(ranges: readonly Range[], variants: readonly Weighted[]): Range[] {
  const wanted = new Map(rangesOf(variants).map(({ variant, start, end }) => [variant, end - start]))
  const kept: Range[] = []
  const given: Range[] = []
  const room = new Map(wanted)
  for (const range of inOrder(ranges)) {
    const { variant, start, end } = range
    const middle = start + Math.min(end - start, room.get(variant) ?? 0)
    room.set(variant, (room.get(variant) ?? 0) - (middle - start))
    kept.push({ variant, start, end: middle })
    given.push({ variant, start: middle, end })
  }
  return joined([...kept, ...handedOut(given, variants, room)])
}

/** What was given up, in order, to the variants that want more, in theirs. */
function handedOut(given: readonly Range[], variants: readonly Weighted[], room: ReadonlyMap<string, number>): Range[] {
  const growing = variants.map(({ key }) => ({ key, left: room.get(key) ?? 0 })).filter(({ left }) => left > 0)
  const out: Range[] = []
  for (const { start, end } of given)
    for (let from = start; from < end; ) {
      const next = growing[0]!
      const to = Math.min(end, from + next.left)
      out.push({ variant: next.key, start: from, end: to })
      next.left -= to - from
      if (next.left === 0) growing.shift()
      from = to
    }
  return out
}

const inOrder = (ranges: readonly Range[]): Range[] => ranges.toSorted((a, b) => a.start - b.start)

function joined(ranges: readonly Range[]): Range[] {
  const out: Range[] = []
  for (const range of inOrder(ranges.filter(({ start, end }) => start < end))) {
    const last = out.at(-1)
    if (last?.variant === range.variant && last.end === range.start) out[out.length - 1] = { ...last, end: range.end }
    else out.push(range)
  }
  return out
}
