import { createReadStream } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'

/** A file of lines that only grows. */
export type LineFile = Readonly<{
  /** Resolves when the lines are on the disk (fsync). The file is made with mode 0600 when it is not there. */
  append(lines: readonly string[]): Promise<void>
  /** The whole lines that are in it now, oldest first, in bounded memory; none without a file. */
  lines(): AsyncIterable<string>
  /** The whole lines among the last 64 KiB. */
  tail(): Promise<string[]>
}>

const tailBytes = 64 * 1024

export function lineFile(path: string): LineFile {
  const size = (): Promise<number> =>
    stat(path).then(
      ({ size }) => size,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return 0
        throw error
      },
    )
  return {
    async append(lines) {
      await mkdir(dirname(path), { recursive: true })
      const file = await open(path, 'a+', 0o600)
      try {
        const { size: end } = await file.stat()
        const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, end - 1))
        // A line that was broken off stays by itself.
        await file.appendFile(`${end > 0 && buffer.toString() !== '\n' ? '\n' : ''}${lines.join('\n')}\n`)
        await file.sync()
      } finally {
        await file.close()
      }
    },
    async *lines() {
      const end = await size()
      if (end === 0) return
      const stream = createReadStream(path, { end: end - 1 })
      try {
        yield* createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
      } finally {
        stream.destroy()
      }
    },
    async tail() {
      const end = await size()
      if (end === 0) return []
      const file = await open(path, 'r')
      try {
        const length = Math.min(end, tailBytes)
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, end - length)
        return buffer.toString('utf8', 0, bytesRead).split('\n').slice(0, -1)
      } finally {
        await file.close()
      }
    },
  }
}
