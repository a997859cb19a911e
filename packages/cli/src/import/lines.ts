import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** A line of a file: its text, or why it has none. `offset` and `length` are bytes, for reading it again. */
export type Line = Readonly<
  { number: number; offset: number; length: number; text: string; flaw?: undefined } | { number: number; flaw: string }
>

const newline = 0x0a
/** Longer lines are not read: nothing that long can be taken. */
const maxBytes = 32 * 1024 * 1024
const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * The lines of a file that are not blank, numbered from 1. Split at line feeds alone: JSON may hold the other line ends
 * of Unicode (U+2028) as they are.
 */
export async function* readLines(path: string): AsyncGenerator<Line> {
  let parts: Buffer[] = []
  let length = 0
  let start = 0
  let number = 1
  const take = (): Line | undefined => {
    const bytes = length > maxBytes ? undefined : Buffer.concat(parts)
    const at = { number, offset: start, length }
    start += length + 1
    number++
    parts = []
    length = 0
    return bytes ? lineOf(bytes, at) : { number: at.number, flaw: `the line is longer than ${maxBytes} bytes` }
  }
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      parts.push(chunk.subarray(from, end))
      length += end - from
      from = end + 1
      const line = take()
      if (line) yield line
    }
    length += chunk.length - from
    if (length <= maxBytes) parts.push(chunk.subarray(from))
    else parts = []
  }
  const last = take()
  if (last) yield last
}

function lineOf(bytes: Buffer, at: { number: number; offset: number; length: number }): Line | undefined {
  try {
    const text = decoder.decode(bytes)
    return text.trim() === '' ? undefined : { ...at, text }
  } catch {
    return { number: at.number, flaw: 'the line is not valid UTF-8' }
  }
}

/** Read lines again that were seen before. */
export async function openLines(
  path: string,
): Promise<{ read(at: { offset: number; length: number }): Promise<string>; close(): Promise<void> }> {
  const file: FileHandle = await open(path)
  return {
    async read({ offset, length }) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset)
      if (bytesRead !== length) throw new Error(`${path} became shorter while it was read`)
      return decoder.decode(buffer)
    },
    close: () => file.close(),
  }
}
