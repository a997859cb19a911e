import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import { UsageError } from '../output.ts'
import { dotpromptRow, hasFrontMatter, markdownRow } from './documents.ts'
import { readLines } from './lines.ts'
import type { Sourced } from './prompts.ts'
import { parseRow, type Row, RowError, rowOf } from './rows.ts'

/** A file to import. `folder` is the category of a document in it that names none. */
export type Source = Readonly<{ path: string; kind: 'rows' | 'dotprompt' | 'markdown'; folder: string; bytes: number }>

const kinds: Readonly<Record<string, Source['kind']>> = {
  '.jsonl': 'rows',
  '.ndjson': 'rows',
  '.prompt': 'dotprompt',
  '.md': 'markdown',
  '.markdown': 'markdown',
}

/** The files that the arguments name, folders searched through. @throws UsageError */
export function findSources(paths: readonly string[]): { sources: Source[]; ignored: number } {
  const sources: Source[] = []
  let ignored = 0
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (!stat) throw new UsageError(`"${path}" does not exist.`)
    if (!stat.isDirectory()) sources.push(named(path, stat.size))
    else {
      const files = filesIn(path)
      const found = files.flatMap((file) => inFolder(file, path))
      ignored += files.length - found.length
      sources.push(...found)
    }
  }
  return { sources, ignored }
}

function named(path: string, bytes: number): Source {
  const kind = kinds[extname(path).toLowerCase()]
  if (!kind) throw new UsageError(`"${path}" is of no kind that can be imported: .jsonl, .ndjson, .prompt, .md, .markdown.`)
  return { path, kind, folder: basename(dirname(resolve(path))) || 'general', bytes }
}

/** In a folder Markdown counts only with front matter: the rest is documentation. */
function inFolder(path: string, root: string): Source[] {
  const kind = kinds[extname(path).toLowerCase()]
  if (!kind || (kind === 'markdown' && !hasFrontMatter(readFileSync(path, 'utf8')))) return []
  const folder = relative(root, dirname(path)).split(sep).join('/')
  return [{ path, kind, folder: folder || basename(resolve(root)) || 'general', bytes: statSync(path).size }]
}

function filesIn(folder: string): string[] {
  const entries: Dirent[] = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  return entries
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules')
    .flatMap((entry) => (entry.isDirectory() ? filesIn(join(folder, entry.name)) : entry.isFile() ? [join(folder, entry.name)] : []))
}

export const nameOf = (path: string): string => basename(path, extname(path))

/** Every row of the files, in order, with the bytes that are behind it. */
export async function* rowsOf(sources: readonly Source[], category: string | undefined): AsyncGenerator<Sourced> {
  let before = 0
  for (const source of sources) {
    const { path, kind, folder, bytes } = source
    const file = basename(path)
    if (kind === 'rows') {
      for await (const line of readLines(path)) {
        const done = before + (line.flaw === undefined ? line.offset + line.length : 0)
        yield line.flaw !== undefined
          ? { file, line: line.number, done, reason: line.flaw }
          : sourced({ file, line: line.number, done }, category ?? nameOf(path), () => rowOf(parseRow(line.text)))
      }
    } else {
      const read = kind === 'markdown' ? markdownRow : dotpromptRow
      yield sourced({ file, line: 1, done: before + bytes }, category ?? folder, () => read(textOf(path), nameOf(path)))
    }
    before += bytes
  }
}

function sourced(at: { file: string; line: number; done: number }, category: string, read: () => Row): Sourced {
  try {
    const row = read()
    return { ...at, row, category: row.category ?? category }
  } catch (error) {
    if (error instanceof RowError) return { ...at, reason: error.message }
    throw error
  }
}

function textOf(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch {
    throw new RowError('the file is not valid UTF-8')
  }
}
