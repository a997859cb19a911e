import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, link, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Write } from './format.ts'

/** The bytes of a file, or of standard input for `-`. */
export const bytesOf = (file: string): AsyncIterable<Buffer> =>
  file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 256 * 1024 })

/** Write to standard output, no faster than it is read. */
export const writeOut: Write = (bytes) =>
  new Promise((done, fail) => process.stdout.write(bytes, (error) => (error ? fail(error) : done())))

/**
 * Write a file under its name only when it is whole and on the disk. What is not ended, however it came to its end, leaves
 * nothing there.
 * @param force in place of a file of that name; without it that is refused, at the beginning and at the end
 */
export async function writeWhole<T>(file: string, force: boolean, work: (write: Write) => Promise<T>): Promise<T> {
  const path = resolve(file)
  if (!force && (await exists(path))) throw new Error(`${file} exists already. Choose another name, or overwrite it by --force.`)
  await removeLeftovers(path)
  const draft = `${path}.partial-${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    const result = await work((bytes) => writeAll(handle, bytes))
    await handle.sync()
    await handle.close()
    await publish(draft, path, force)
    return result
  } catch (error) {
    await handle.close().catch(() => undefined)
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length; ) written += (await handle.write(bytes, written)).bytesWritten
}

/** `link` refuses a name that is taken, `rename` replaces what has it: both wholly or not at all. */
async function publish(draft: string, path: string, force: boolean): Promise<void> {
  if (force) await rename(draft, path)
  else await link(draft, path)
  const folder = await open(dirname(path), 'r')
  await folder.sync().catch(() => undefined) // not every file system can
  await folder.close()
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/** What backups to this name left behind whose process, on this machine, is gone. */
async function removeLeftovers(path: string): Promise<void> {
  const prefix = `${basename(path)}.partial-${hostname()}-`
  for (const name of await readdir(dirname(path))) {
    const pid = name.startsWith(prefix) ? Number(/^(\d+)-/.exec(name.slice(prefix.length))?.[1]) : Number.NaN
    if (pid > 0 && !isRunning(pid)) await rm(join(dirname(path), name), { force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
