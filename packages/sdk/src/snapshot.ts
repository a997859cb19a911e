import type { ServedPrompt } from './types.ts'

/** An answer as it is kept on disk. */
export type Saved = Readonly<{ key: string; etag: string | null; savedAt: number; served: ServedPrompt }>

export type Snapshot = Readonly<{
  /** What an earlier process has left; nothing when there is no file, or none that can be used. */
  read(): Saved[]
  /** Something has changed: write within a moment. */
  schedule(): void
  /** Write now, if something has changed, and stop. */
  close(): Promise<void>
}>

type Warn = (message: string) => void
const format = 'prompt-store.snapshot/1'
const delayMs = 200

export const noSnapshot: Snapshot = { read: () => [], schedule: () => undefined, close: async () => undefined }

/**
 * Known answers in a file of mode 0600, for a start while the service is away. It is written beside its place and moved
 * there, so that a reader finds the old or the new one, whole.
 * @param url the service it belongs to: a file of another one is not used
 * @param collect what to keep, when it is time to write
 */
export function createSnapshot(path: string, url: string, collect: () => Saved[], warn: Warn): Snapshot {
  // Asked for at run time, so that the SDK can be bundled for browsers, where there is no file system.
  const fs = process.getBuiltinModule('node:fs')
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()

  const write = async (): Promise<void> => {
    const partial = `${path}.${crypto.randomUUID()}.partial`
    try {
      await fs.promises.writeFile(partial, JSON.stringify({ format, url, entries: collect() }), { mode: 0o600, flag: 'wx', flush: true })
      await fs.promises.rename(partial, path)
    } catch (error) {
      warn(`The snapshot could not be written to ${path}: ${(error as Error).message}`)
      await fs.promises.rm(partial, { force: true })
    }
  }
  const flush = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    writing = writing.then(write)
    return writing
  }

  return {
    read() {
      try {
        return entriesOf(JSON.parse(fs.readFileSync(path, 'utf8')), url)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') warn(`The snapshot ${path} is not used: ${(error as Error).message}`)
        return []
      }
    },
    schedule() {
      timer ??= setTimeout(flush, delayMs).unref()
    },
    close: () => (timer ? flush() : writing),
  }
}

/** @throws when it is no snapshot of this service */
function entriesOf(file: { format?: unknown; url?: unknown; entries?: unknown } | null, url: string): Saved[] {
  if (file?.format !== format || !Array.isArray(file.entries)) throw new Error('it is not a snapshot of this version')
  if (file.url !== url) throw new Error(`it belongs to the service at ${String(file.url)}`)
  if (!file.entries.every(isSaved)) throw new Error('an entry of it is broken')
  return file.entries
}

const isSaved = (entry: Partial<Saved> | null): entry is Saved =>
  typeof entry?.key === 'string' &&
  typeof entry.savedAt === 'number' &&
  (entry.etag === null || typeof entry.etag === 'string') &&
  typeof entry.served?.id === 'string' &&
  Array.isArray(entry.served.includes) &&
  Array.isArray(entry.served.variables) &&
  (typeof entry.served.content === 'string' || Array.isArray(entry.served.content))
