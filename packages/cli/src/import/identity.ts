import { createHash } from 'node:crypto'

const sha256 = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex')

/**
 * The source keys by which a second import knows what is there already. They are of what a row says, not of where it
 * stands, so a file may be moved, cut or sorted.
 */
export const promptKey = (category: string, title: string, content: unknown): string => sha256(['prompt', category, title, content])
export const historyKey = (category: string, title: string): string => sha256(['history', category, title])
/** @param nth which of the equal ones of its history it is, from 0 */
export const versionKey = (at: string, content: unknown, nth: number): string => sha256(['version', at, content, nth])

/** The n-th name for a title: `Title`, `Title (2)`, `Title (3)`; at most 200 characters with its number. */
export function nthName(title: string, n: number): string {
  if (n === 1) return title
  const suffix = ` (${n})`
  const characters = [...title]
  return characters.length + suffix.length <= 200 ? title + suffix : characters.slice(0, 200 - suffix.length).join('') + suffix
}
