import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'

/** Resolves when there is room for more. */
export type Put = (data: string | Uint8Array) => Promise<void>

/** Write beside the place and move it there when it is whole: a broken-off export leaves what was there before. */
export async function toFile(path: string, fill: (put: Put) => Promise<void>): Promise<void> {
  const partial = `${path}.${process.pid}.partial`
  const stream = createWriteStream(partial, { flags: 'w', mode: 0o600, flush: true })
  const failed = new Promise<never>((_, reject) => stream.once('error', reject))
  const put: Put = (text) => (stream.write(text) ? Promise.resolve() : new Promise((resolve) => stream.once('drain', resolve)))
  try {
    await Promise.race([fill((text) => Promise.race([put(text), failed])), failed])
    await Promise.race([new Promise<void>((resolve) => stream.end(resolve)), failed])
    await rename(partial, path)
  } catch (error) {
    stream.destroy()
    await rm(partial, { force: true })
    throw error
  }
}
