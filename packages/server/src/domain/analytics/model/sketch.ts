import { DDSketch } from '@datadog/sketches-js'

/**
 * A distribution of whole numbers >= 0: how many values fell into each bin of DDSketch (Masson, Rim, Lee, VLDB 2019), 1 %
 * relative error. Bin 0 is the value 0, bin k + 1 the library's bin k. Merging adds bins, so the order never matters; a
 * value below 2^53 has one of 1,840 bins, so that it never grows beyond that. `counts[i]` is of bin `low + i`: neighbours
 * in one piece of memory, since a screen adds up thousands of these.
 */
export type Sketch = { low: number; counts: Float64Array }

const none = new Float64Array(0)
export const emptySketch = (): Sketch => ({ low: 0, counts: none })

const relativeError = 0.01
const { mapping } = new DDSketch({ relativeAccuracy: relativeError })

const binOf = (value: number): number => (value <= 0 ? 0 : mapping.key(value) + 1)
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
}

export function mergeSketch(into: Sketch, from: Sketch): void {
  const { low, counts } = from
  if (counts.length === 0) return
  cover(into, low, low + counts.length - 1)
  const [sum, shift] = [into.counts, low - into.low]
  for (let i = 0; i < counts.length; i++) sum[i + shift] = added(sum[i + shift]!, counts[i]!)
}

/** @param wanted quantiles (0 to 1), ascending @returns the value at each, within 1 %; null when there are no values */
export function quantiles({ low, counts }: Sketch, wanted: readonly number[]): (number | null)[] {
  let count = 0
  for (let i = 0; i < counts.length; i++) count += counts[i]!
  let [at, seen] = [-1, 0]
  return wanted.map((q) => {
    if (count === 0) return null
    while (seen <= q * (count - 1)) seen += counts[++at]!
    return middleOf(low + at)
  })
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

/** Always the same bytes for the same bins: differences of bins and counts, in order, as LEB128. */
export function encodeSketch({ low, counts }: Sketch): Buffer {
  const bytes: number[] = []
  let last = 0
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!
    if (count === 0) continue
    writeNumber(bytes, low + i - last)
    writeNumber(bytes, count)
    last = low + i
  }
  return Buffer.from(bytes)
}

function writeNumber(bytes: number[], value: number): void {
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
}

/** What was decoded last: a sketch has 1,841 bins at most. */
const decoded = { bins: new Int32Array(2_048), counts: new Float64Array(2_048) }

/** Decode what was encoded. Written out, since a screen does this thousands of times. @returns how many bins there are */
function decode(bytes: Uint8Array): number {
  let [at, bin, used] = [0, 0, 0]
  while (at < bytes.length) {
    for (let turn = 0; turn < 2; turn++) {
      let byte = bytes[at++]!
      let value = byte & 127
      for (let factor = 128; byte >= 128; factor *= 128) {
        byte = bytes[at++]!
        value += (byte & 127) * factor
      }
      if (turn === 0) decoded.bins[used] = bin += value
      else decoded.counts[used++] = value
    }
  }
  return used
}

/** Add what was encoded to a sketch. */
export function mergeEncoded(into: Sketch, bytes: Uint8Array): void {
  if (bytes.length === 0) return
  const { bins, counts } = decoded
  const used = decode(bytes)
  cover(into, bins[0]!, bins[used - 1]!)
  const { low, counts: sum } = into
  for (let i = 0; i < used; i++) sum[bins[i]! - low] = added(sum[bins[i]! - low]!, counts[i]!)
}
