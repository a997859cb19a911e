/** A unit vector with 8 bits a dimension: largest component ±127. */
export function quantize(vector: Float32Array): Int8Array {
  let largest = 0
  for (const x of vector) largest = Math.max(largest, Math.abs(x))
  return Int8Array.from(vector, (x) => (largest === 0 ? 0 : Math.round((x / largest) * 127)))
}

export type Neighbour = Readonly<{ id: string; similarity: number }>

/** All vectors of a workspace, one after the other in memory. */
export type Matrix = Readonly<{
  dimensions: number
  size(): number
  /** Bytes it takes, about. */
  bytes(): number
  set(id: string, vector: Int8Array): void
  remove(id: string): void
  /** Cosine similarity (−1 to 1) of one of its vectors; undefined when it is not there. */
  similarity(id: string, query: Float32Array): number | undefined
  /** The nearest vectors, nearest first; with `only`, among these. */
  nearest(query: Float32Array, limit: number, only?: readonly string[]): Neighbour[]
}>

/** Rows whose signs fit best are looked at in full: many times what is asked for, and all rows of a small matrix. */
const shortlistOf = (limit: number): number => Math.max(2_000, limit * 20)

/** @param dimensions of every vector, at least 1 */
export function createMatrix(dimensions: number): Matrix {
  const words = Math.ceil(dimensions / 32)
  const rows = new Map<string, number>()
  const ids: string[] = []
  let capacity = 256
  let values = new Int8Array(capacity * dimensions)
  let signs = new Int32Array(capacity * words)
  let norms = new Float32Array(capacity)

  const grow = () => {
    capacity *= 2
    values = extended(values, new Int8Array(capacity * dimensions))
    signs = extended(signs, new Int32Array(capacity * words))
    norms = extended(norms, new Float32Array(capacity))
  }
  const cosine = (row: number, query: Float32Array, norm: number): number => {
    const at = row * dimensions
    let sum = 0
    for (let i = 0; i < dimensions; i++) sum += values[at + i]! * query[i]!
    return norms[row] === 0 || norm === 0 ? 0 : sum / (norms[row]! * norm)
  }

  return {
    dimensions,
    size: () => ids.length,
    bytes: () => capacity * (dimensions + words * 4 + 4) + ids.length * 160,
    set(id, vector) {
      if (vector.length !== dimensions) throw new Error(`a vector of ${vector.length} dimensions among those of ${dimensions}`)
      let row = rows.get(id)
      if (row === undefined) {
        row = ids.push(id) - 1
        rows.set(id, row)
        if (ids.length > capacity) grow()
      }
      values.set(vector, row * dimensions)
      signs.set(signsOf(vector, words), row * words)
      norms[row] = Math.hypot(...vector)
    },
    remove(id) {
      const row = rows.get(id)
      if (row === undefined) return
      const last = ids.pop()!
      rows.delete(id)
      if (last === id) return
      const from = ids.length
      values.copyWithin(row * dimensions, from * dimensions, (from + 1) * dimensions)
      signs.copyWithin(row * words, from * words, (from + 1) * words)
      norms[row] = norms[from]!
      ids[row] = last
      rows.set(last, row)
    },
    similarity(id, query) {
      const row = rows.get(id)
      return row === undefined ? undefined : cosine(row, query, Math.hypot(...query))
    },
    nearest(query, limit, only) {
      const norm = Math.hypot(...query)
      const wanted = only?.flatMap((id) => rows.get(id) ?? [])
      const shortlist = wanted ?? closestSigns(signs, signsOf(query, words), { rows: ids.length, words, limit: shortlistOf(limit) })
      return Array.from(shortlist, (row) => ({ id: ids[row]!, similarity: cosine(row, query, norm) }))
        .sort((x, y) => y.similarity - x.similarity || (x.id < y.id ? -1 : 1))
        .slice(0, limit)
    },
  }
}

function extended<A extends Int8Array | Int32Array | Float32Array>(from: A, to: A): A {
  to.set(from)
  return to
}

function signsOf(vector: Int8Array | Float32Array, words: number): Int32Array {
  const signs = new Int32Array(words)
  for (let i = 0; i < vector.length; i++) if (vector[i]! > 0) signs[i >> 5]! |= 1 << (i & 31)
  return signs
}

/** The rows whose signs differ least, as many as `limit` or a few more (those that differ as much as the last). */
function closestSigns(signs: Int32Array, query: Int32Array, size: { rows: number; words: number; limit: number }): number[] {
  const { rows, words, limit } = size
  if (rows <= limit) return Array.from({ length: rows }, (_, row) => row)
  const distances = new Uint16Array(rows)
  const counts = new Uint32Array(words * 32 + 1)
  for (let row = 0; row < rows; row++) {
    let distance = 0
    for (let w = 0, at = row * words; w < words; w++) distance += ones(signs[at + w]! ^ query[w]!)
    distances[row] = distance
    counts[distance]!++
  }
  let furthest = 0
  for (let seen = 0; furthest < counts.length; furthest++) {
    seen += counts[furthest]!
    if (seen >= limit) break
  }
  const chosen: number[] = []
  for (let row = 0; row < rows; row++) if (distances[row]! <= furthest) chosen.push(row)
  return chosen
}

/** How many bits of a word are set (Hacker's Delight, 5-1). */
function ones(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555)
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333)
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
