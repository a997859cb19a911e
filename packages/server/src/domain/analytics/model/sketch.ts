import { DDSketch } from '@datadog/sketches-js'

/**
 * A distribution of whole numbers >= 0: how many values fell into each bin of DDSketch (Masson, Rim, Lee, VLDB 2019), 1 %
 * relative error. Bin 0 is the value 0, bin k + 1 the library's bin k. Merging adds bins, so the order never matters; a
 * value below 2^53 has one of 1,840 bins, so that it never grows beyond that. `counts[i]` is of bin `low + i`: neighbours
 * in one piece of memory, since a screen adds up thousands of these. `total` is how many values there are.
 */
export type Sketch = { low: number; counts: Float64Array; total: number }

const none = new Float64Array(0)
export const emptySketch = (): Sketch => ({ low: 0, counts: none, total: 0 })

const relativeError = 0.01
const { mapping } = new DDSketch({ relativeAccuracy: relativeError })

/** The bins of what is counted most, since a logarithm for each value is a tenth of all counting; 0: not known yet. */
const known = new Uint16Array(65_536)

function binOf(value: number): number {
  if (value <= 0) return 0
  if (value >= known.length) return mapping.key(value) + 1
  known[value] ||= mapping.key(value) + 1
  return known[value]!
}
const middleOf = (bin: number): number => (bin === 0 ? 0 : mapping.value(bin - 1))

/** Adds stay whole: beyond 2^53 - 1 they stay there, in whatever order they come. */
export const added = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER)

/** How many values fell into a bin. */
export const countOf = ({ low, counts }: Sketch, bin: number): number => counts[bin - low] ?? 0

/** Make room for some bins; where a sketch grows, it grows by half, so that this is rare. */
function cover(sketch: Sketch, first: number, last: number): void {
  const { low, counts } = sketch
  const end = low + counts.length
  if (counts.length > 0 && first >= low && last < end) return
  if (counts.length === 0) {
    sketch.low = first
    sketch.counts = new Float64Array(last - first + 1)
    return
  }
  const spare = counts.length >> 1
  const from = first < low ? Math.max(0, first - spare) : low
  const to = last >= end ? last + 1 + spare : end
  sketch.low = from
  sketch.counts = new Float64Array(to - from)
  sketch.counts.set(counts, low - from)
}

/** @param value a whole number >= 0 */
export function addValue(sketch: Sketch, value: number): void {
  const bin = binOf(value)
  cover(sketch, bin, bin)
  const at = bin - sketch.low
  sketch.counts[at] = added(sketch.counts[at]!, 1)
  sketch.total = added(sketch.total, 1)
}

export function mergeSketch(into: Sketch, { low, counts, total }: Sketch): void {
  if (counts.length === 0) return
  cover(into, low, low + counts.length - 1)
  const [sum, shift] = [into.counts, low - into.low]
  for (let i = 0; i < counts.length; i++) sum[i + shift] = added(sum[i + shift]!, counts[i]!)
  into.total = added(into.total, total)
}

/** @param wanted quantiles (0 to 1), ascending @returns the value at each, within 1 %; null when there are no values */
export function quantiles({ low, counts, total }: Sketch, wanted: readonly number[]): (number | null)[] {
  if (total === 0) return wanted.map(() => null)
  // From the highest bin down: mostly it lies there, since bins are as narrow as values are small.
  let at = counts.length - 1
  let before = total - counts[at]!
  const found = wanted.toReversed().map((q) => {
    while (before > q * (total - 1) && at > 0) before -= counts[--at]!
    return middleOf(low + at)
  })
  return found.reverse()
}

/** How many values there are, their mean and their variance (of the population), within the width of the bins. */
export function momentsOf({ low, counts }: Sketch): { count: number; mean: number; variance: number } {
  let [count, mean, squares] = [0, 0, 0]
  for (let i = 0; i < counts.length; i++) {
    const n = counts[i]!
    if (n === 0) continue
    const distance = middleOf(low + i) - mean
    count += n
    mean += (distance * n) / count
    squares += distance * n * (middleOf(low + i) - mean)
  }
  return { count, mean, variance: count === 0 ? 0 : squares / count }
}

/** About which values there are, and how many of each, the lowest first. */
export function binsOf({ low, counts }: Sketch): { value: number; count: number }[] {
  return Array.from(counts, (count, i) => ({ value: middleOf(low + i), count })).filter(({ count }) => count > 0)
}

/**
 * Always the same bytes for the same bins, as numbers in LEB128. Either, for each bin that has a count, how far it is from
 * the one before, and its count; or, where that is shorter, the first bin, a 0, and the count of each from there to the last.
 */
export function encodeSketch({ low, counts }: Sketch): Buffer {
  const sparse: number[] = []
  const dense: number[] = []
  let last = 0
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!
    if (count === 0) continue
    const bin = low + i
    if (dense.length === 0) {
      writeNumber(dense, bin)
      dense.push(0)
    } else for (let empty = last + 1; empty < bin; empty++) dense.push(0)
    writeNumber(dense, count)
    writeNumber(sparse, bin - last)
    writeNumber(sparse, count)
    last = bin
  }
  return Buffer.from(dense.length < sparse.length ? dense : sparse)
}

function writeNumber(bytes: number[], value: number): void {
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
}

/** What was read last: a sketch has 1,841 bins at most, each of two numbers. */
const numbers = new Float64Array(4_096)

/** Written out, since a screen does this thousands of times. @returns how many numbers these bytes are */
function readNumbers(bytes: Uint8Array): number {
  let used = 0
  for (let at = 0; at < bytes.length; ) {
    let byte = bytes[at++]!
    let value = byte & 127
    for (let factor = 128; byte >= 128; factor *= 128) {
      byte = bytes[at++]!
      value += (byte & 127) * factor
    }
    numbers[used++] = value
  }
  return used
}

/** The counts of what was encoded, from the first bin to the last. */
function decodeCounts(bytes: Uint8Array): Float64Array {
  const used = readNumbers(bytes)
  if (numbers[1] === 0) return numbers.slice(2, used)
  let last = 0
  for (let i = 2; i < used; i += 2) last += numbers[i]!
  const counts = new Float64Array(last + 1)
  counts[0] = numbers[1]!
  let bin = 0
  for (let i = 2; i < used; i += 2) {
    bin += numbers[i]!
    counts[bin] = numbers[i + 1]!
  }
  return counts
}

/** Add what was encoded to a sketch. */
export function mergeEncoded(into: Sketch, bytes: Uint8Array): void {
  if (bytes.length === 0) return
  const counts = decodeCounts(bytes)
  const low = numbers[0]!
  let total = 0
  for (let i = 0; i < counts.length; i++) total = added(total, counts[i]!)
  if (into.total > 0) return mergeSketch(into, { low, counts, total })
  into.low = low
  into.counts = counts
  into.total = total
}
