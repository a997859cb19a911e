import { DDSketch } from '@datadog/sketches-js'

/**
 * A distribution of whole numbers >= 0: how many values fell into each bin of DDSketch (Masson, Rim, Lee, VLDB 2019), 1 %
 * relative error. Bin 0 is the value 0, bin k + 1 the library's bin k. Merging adds bins, so the order never matters; a
 * value below 2^53 has one of 1,840 bins, so that it never grows beyond that.
 */
export type Sketch = Map<number, number>

const relativeError = 0.01
const { mapping } = new DDSketch({ relativeAccuracy: relativeError })

const binOf = (value: number): number => (value <= 0 ? 0 : mapping.key(value) + 1)
const middleOf = (bin: number): number => (bin === 0 ? 0 : mapping.value(bin - 1))

/** Adds stay whole: beyond 2^53 - 1 they stay there, in whatever order they come. */
export const added = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER)

/** @param value a whole number >= 0 */
export function addValue(sketch: Sketch, value: number): void {
  const bin = binOf(value)
  sketch.set(bin, added(sketch.get(bin) ?? 0, 1))
}

export function mergeSketch(into: Sketch, from: Sketch): void {
  for (const [bin, count] of from) into.set(bin, added(into.get(bin) ?? 0, count))
}

const sorted = (sketch: Sketch): [number, number][] => [...sketch].sort(([a], [b]) => a - b)

/** The value at each of some quantiles (0 to 1), within 1 %; null when there are no values. */
export function quantiles(sketch: Sketch, wanted: readonly number[]): (number | null)[] {
  const bins = sorted(sketch)
  const count = bins.reduce((sum, [, n]) => sum + n, 0)
  return wanted.map((q) => {
    let seen = 0
    for (const [bin, n] of bins) {
      seen += n
      if (seen > q * (count - 1)) return middleOf(bin)
    }
    return null
  })
}

/** Always the same bytes for the same bins: differences of bins and counts, in order, as LEB128. */
export function encodeSketch(sketch: Sketch): Buffer {
  const bytes: number[] = []
  let last = 0
  for (const [bin, count] of sorted(sketch)) {
    writeNumber(bytes, bin - last)
    writeNumber(bytes, count)
    last = bin
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

/** Add what was encoded to a sketch. */
export function mergeEncoded(into: Sketch, bytes: Uint8Array): void {
  let at = 0
  const read = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]!
      if (byte < 128) return value + byte * factor
      value += (byte - 128) * factor
    }
  }
  for (let bin = 0; at < bytes.length; ) {
    bin += read()
    into.set(bin, added(into.get(bin) ?? 0, read()))
  }
}
