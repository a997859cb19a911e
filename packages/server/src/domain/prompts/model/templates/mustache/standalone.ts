import type { Token } from './scan.ts'

/**
 * Take away the lines that hold nothing but white space and tags that write nothing (sections, comments, delimiters,
 * includes), with their line break, as mustache.js does. Changes `tokens`: texts are cut; an include that stands alone
 * on its line gets the blanks before it as `indent`.
 */
export const trimStandaloneLines = (tokens: Token[], text: string, isLiteral: (token: Token) => boolean): void => {
  const pieces: Token[] = []
  let line: Token[] = []
  let isBlank = true
  const endLine = (): void => {
    if (isBlank && line.some(({ kind }) => kind !== 'text')) trimLine(line, text)
    for (const piece of line) pieces.push(piece)
    line = []
    isBlank = true
  }
  for (const token of tokens) {
    if (token.kind !== 'text') {
      line.push(token)
      if (token.kind === 'name' || token.kind === '&' || isLiteral(token)) isBlank = false
      continue
    }
    // Only the text itself is searched: looking for a line break to the end of everything would be quadratic.
    const inside = text.slice(token.start, token.end)
    const firstBreak = inside.indexOf('\n')
    if (firstBreak === -1) {
      line.push(token)
      isBlank &&= isSpace(inside)
      continue
    }
    const first = token.start + firstBreak + 1
    const last = token.start + inside.lastIndexOf('\n') + 1
    line.push({ ...token, end: first })
    isBlank &&= isSpace(inside.slice(0, firstBreak))
    endLine()
    if (last > first) pieces.push({ ...token, start: first, end: last })
    if (last < token.end) line.push({ ...token, start: last })
    isBlank = isSpace(text.slice(last, token.end))
  }
  endLine()
  tokens.splice(0, tokens.length)
  for (const piece of pieces) tokens.push(piece)
}

const trimLine = (line: readonly Token[], text: string): void => {
  const first = line.findIndex(({ kind }) => kind !== 'text')
  const tag = line[first]
  const before = line[first - 1]
  if (tag?.kind === '>' && before !== undefined) tag.indent = text.slice(before.start, before.end).replace(/[^ \t]/g, '')
  for (const token of line) if (token.kind === 'text') token.end = token.start
}

const isSpace = (text: string): boolean => !/\S/.test(text)
