import { plainText } from './content.ts'
import type { Content } from './shapes.ts'

/** A name for a prompt whose author gave none: the first words of its content, without markup. */
export function deriveName(content: Content): string {
  const text = plainText(content).slice(0, 2000)
  const line =
    text
      .split(/[\r\n]+/)
      .map(clean)
      .find((cleaned) => cleaned.length > 0) ?? 'untitled'
  if (line.length <= 60) return line
  const cut = line
    .slice(0, 60)
    .toWellFormed()
    .replace(/\ufffd$/, '')
  return (cut.includes(' ', 30) ? cut.slice(0, cut.lastIndexOf(' ')) : cut).trim()
}

const clean = (line: string): string =>
  line
    .replace(/[\p{Cc}]/gu, ' ')
    .replace(/\{\{[^}]*\}\}|\{%[^%]*%\}/g, ' ')
    .replace(/^[\s#>*\-_=`~|]+/, '')
    .replace(/[*_`]+/g, '')
    .replace(/\s+/g, ' ')
    .trim()

/** The n-th try at making a name unique: `Name`, `Name 2`, `Name 3`, … for derived names, which are short. */
export const nthName = (name: string, n: number): string => (n === 1 ? name : `${name} ${n}`)
