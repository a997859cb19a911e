import { createHash } from 'node:crypto'

/** Most groups that are told apart; what comes later counts as `other`, so that a fault with a changing face cannot fill the metrics. */
const maxGroups = 200
const frames = 3

export type ErrorSource = 'http' | 'job'
export type ErrorGroup = Readonly<{ fingerprint: string; source: ErrorSource; count: number }>

/** Unexpected errors, gathered by what they are. */
export type ErrorGroups = Readonly<{
  /** Count an error. @returns its fingerprint, for the log */
  note(error: unknown, source: ErrorSource): string
  groups(): readonly ErrorGroup[]
}>

export function createErrorGroups(limit = maxGroups): ErrorGroups {
  const groups = new Map<string, { fingerprint: string; source: ErrorSource; count: number }>()
  const groupOf = (fingerprint: string, source: ErrorSource) => {
    const key = `${source} ${fingerprint}`
    const known = groups.get(key)
    if (known) return known
    if (groups.size >= limit && fingerprint !== 'other') return groupOf('other', source)
    const group = { fingerprint, source, count: 0 }
    groups.set(key, group)
    return group
  }
  return {
    note(error, source) {
      const fingerprint = fingerprintOf(error)
      groupOf(fingerprint, source).count++
      return fingerprint
    },
    groups: () => [...groups.values()],
  }
}

/**
 * A short name for what went wrong, the same for the same fault on every instance and after unrelated changes: of the error's
 * name, its message without what changes from case to case, and the innermost functions of ours that it came through.
 * @returns 12 hexadecimal digits
 */
export function fingerprintOf(error: unknown): string {
  const { name, message, stack } = error instanceof Error ? error : { name: typeof error, message: String(error), stack: '' }
  const code = (error as { code?: unknown } | undefined)?.code
  const parts = [name, typeof code === 'string' ? code : '', normalised(message), ...ownFrames(stack ?? '')]
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 12)
}

/** Texts in quotes, ids and numbers are this case's, not the fault's. */
const normalised = (message: string): string =>
  message
    .slice(0, 500)
    .replace(/"[^"]*"|'[^']*'|`[^`]*`/g, '<text>')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,}\b/gi, '<id>')
    .replace(/\d+/g, '<n>')

/** `function@file` of the innermost frames in our own sources; no lines, which change with every edit. */
function ownFrames(stack: string): string[] {
  const own = stack.matchAll(/^\s+at (?:async )?(?:(.+?) \()?(?:file:\/\/)?(\/.+?):\d+:\d+\)?$/gm)
  return [...own]
    .filter(([, , file]) => file!.includes('/packages/') && !file!.includes('/node_modules/'))
    .slice(0, frames)
    .map(([, name = '', file]) => `${name}@${file!.slice(file!.lastIndexOf('/packages/'))}`)
}
