/** A line that is longer than may be kept; what was in it is gone. */
export const tooLong = Symbol('too long')

/**
 * The lines of a stream of bytes (NDJSON): without their ends, and without empty ones. A line is held, never the whole.
 * @param maxBytes of one line
 */
export async function* linesIn(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Buffer | typeof tooLong> {
  let parts: Buffer[] = []
  let bytes = 0
  const add = (part: Buffer): void => {
    bytes += part.length
    if (bytes <= maxBytes) parts.push(part)
    else parts = []
  }
  const line = (): Buffer | typeof tooLong | undefined => {
    const whole = bytes > maxBytes ? tooLong : trimmed(Buffer.concat(parts))
    parts = []
    bytes = 0
    return whole === tooLong || whole.length > 0 ? whole : undefined
  }
  for await (const chunk of chunks) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let from = 0
    for (let end = buffer.indexOf(10); end !== -1; end = buffer.indexOf(10, from)) {
      add(buffer.subarray(from, end))
      from = end + 1
      const found = line()
      if (found !== undefined) yield found
    }
    add(buffer.subarray(from))
  }
  const last = line()
  if (last !== undefined) yield last
}

const blank = new Set([9, 13, 32])

function trimmed(line: Buffer): Buffer {
  let [from, to] = [0, line.length]
  while (to > from && blank.has(line[to - 1]!)) to--
  while (from < to && blank.has(line[from]!)) from++
  return line.subarray(from, to)
}
