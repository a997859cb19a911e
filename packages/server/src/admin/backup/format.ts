import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'

/**
 * A backup is one file: a line that says what it is, then frames of one letter, a length (four bytes, big-endian) and
 * that many bytes. The last frame holds the SHA-256 of all that stands before it, so a cut or changed file is known.
 *
 *     H  header, JSON           T  begin of a table, JSON      D  rows in COPY's text form, gzip
 *     E  end of a table, JSON   S  sequences, JSON             Z  SHA-256 of everything before
 */
export const magic = 'prompt-store backup '
const formatVersion = 1
const firstLine = Buffer.from(`${magic}${formatVersion}\n`)
/** Longer than any frame that is ever written; a length beyond it is damage, not a reason to wait for gigabytes. */
const maxFrame = 64 * 1024 * 1024

/** The file is not what it was, or is no backup at all; nothing of it is to be trusted. */
export class BackupUnusable extends Error {}

export type FrameKind = 'H' | 'T' | 'D' | 'E' | 'S' | 'Z'
export type Frame = Readonly<{ kind: FrameKind; payload: Buffer }>
export type Write = (bytes: Buffer) => Promise<void>

const pack = promisify(gzip)
const unpack = promisify(gunzip)

/** Write frames. @param write takes bytes; the writer waits for it, so that nothing piles up in memory */
export function frameWriter(write: Write) {
  const hash = createHash('sha256')
  const put = async (kind: FrameKind, payload: Buffer) => {
    const head = Buffer.alloc(5)
    head.write(kind, 0, 'latin1')
    head.writeUInt32BE(payload.length, 1)
    hash.update(head).update(payload)
    await write(Buffer.concat([head, payload]))
  }
  return {
    async begin(header: object) {
      hash.update(firstLine)
      await write(firstLine)
      await put('H', json(header))
    },
    json: (kind: 'T' | 'E' | 'S', value: object) => put(kind, json(value)),
    rows: async (text: Buffer) => put('D', await pack(text, { level: 3 })),
    async end() {
      await put('Z', hash.copy().digest())
    },
  }
}

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))

/** @throws BackupUnusable */
export const unpackRows = (payload: Buffer): Promise<Buffer> =>
  unpack(payload, { maxOutputLength: maxFrame }).catch((cause) => {
    throw new BackupUnusable('rows cannot be unpacked', { cause })
  })

/**
 * Read frames, the closing one included.
 * @throws BackupUnusable when it is no backup, of a newer form, cut off, or changed
 */
export async function* readFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  const take = reader(chunks)
  const hash = createHash('sha256')
  await readFirstLine(take)
  hash.update(firstLine)
  for (;;) {
    const head = await take(5)
    const kind = head.toString('latin1', 0, 1)
    const length = head.readUInt32BE(1)
    if (!/^[HTDESZ]$/.test(kind) || length > maxFrame) throw new BackupUnusable('it is damaged: a part has no known form')
    const payload = await take(length)
    if (kind === 'Z') {
      if (!payload.equals(hash.digest())) throw new BackupUnusable('it is damaged: its checksum is not that of its content')
      if (!(await take.isAtEnd())) throw new BackupUnusable('it is damaged: something follows its end')
      return yield { kind, payload }
    }
    hash.update(head).update(payload)
    yield { kind: kind as FrameKind, payload }
  }
}

async function readFirstLine(take: Reader): Promise<void> {
  const line = await take(firstLine.length).catch((error) => {
    if (error instanceof BackupUnusable) return Buffer.alloc(0)
    throw error
  })
  if (line.equals(firstLine)) return
  const version = /^prompt-store backup (\d+)/.exec(line.toString('latin1'))?.[1]
  if (version && Number(version) > formatVersion)
    throw new BackupUnusable(`it has the form ${version}, and this version reads up to ${formatVersion}. Use the version that wrote it`)
  throw new BackupUnusable('it is not a backup of Prompt Store, or its beginning is damaged')
}

type Reader = ((bytes: number) => Promise<Buffer>) & { isAtEnd(): Promise<boolean> }

/** Exactly so many bytes at a time, whatever the pieces in which they come. */
function reader(chunks: AsyncIterable<Buffer>): Reader {
  const source = chunks[Symbol.asyncIterator]()
  let held: Buffer[] = []
  let size = 0
  const more = async (): Promise<boolean> => {
    const { done, value } = await source.next()
    if (done) return false
    held.push(value)
    size += value.length
    return true
  }
  const take = async (bytes: number): Promise<Buffer> => {
    while (size < bytes) if (!(await more())) throw new BackupUnusable('it is cut off: its end is missing')
    const all = held.length === 1 ? held[0]! : Buffer.concat(held)
    held = [all.subarray(bytes)]
    size -= bytes
    return all.subarray(0, bytes)
  }
  const isAtEnd = async () => {
    while (size === 0) if (!(await more())) return true
    return false
  }
  return Object.assign(take, { isAtEnd })
}
