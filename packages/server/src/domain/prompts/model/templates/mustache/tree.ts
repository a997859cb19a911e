import { TemplateInvalid } from '../errors.ts'
import { parseReference } from '../reference.ts'
import type { IncludeRef } from '../types.ts'
import { pathOf } from './names.ts'
import { excerpt, scan, type Token } from './scan.ts'
import { trimStandaloneLines } from './standalone.ts'

/** A template to walk. `path` is a name split at its dots, `['.']` for the item itself. */
export type Node =
  | Readonly<{ kind: 'text'; text: string }>
  | Readonly<{ kind: 'value'; path: readonly string[] }>
  | Readonly<{ kind: 'section'; path: readonly string[]; inverted: boolean; nodes: readonly Node[] }>
  | Readonly<{ kind: 'include'; ref: IncludeRef; indent: string }>

/** Deeper sections are refused: nobody writes them, and walking them would fill the stack. */
const maxDepth = 100

type Open = { token: Token; path: readonly string[] | null; nodes: Node[]; before: Node[] }

/** Parse a text into nodes. Throws `TemplateInvalid`. */
export const parseTree = (text: string): readonly Node[] => {
  const paths = new Map<Token, readonly string[] | null>()
  const tokens = scan(text)
  for (const token of tokens) if (isNamed(token)) paths.set(token, pathOf(token.value, text.charAt(token.start - 1) === '$'))
  markLiteralEnds(tokens, paths, text)
  trimStandaloneLines(tokens, text, (token) => paths.get(token) === null)
  return nest(tokens, paths, text)
}

const isNamed = ({ kind }: Token): boolean => kind === 'name' || kind === '&' || kind === '#' || kind === '^'

/** Match sections with their ends: an end stays text exactly when its beginning does. Throws for sections that do not match. */
const markLiteralEnds = (tokens: readonly Token[], paths: Map<Token, readonly string[] | null>, text: string): void => {
  const open: Token[] = []
  for (const token of tokens) {
    if (token.kind === '#' || token.kind === '^') {
      if (open.push(token) > maxDepth) throw at(text, token, `sections are nested deeper than ${maxDepth}`)
    } else if (token.kind === '/') {
      const begin = open.pop()
      if (begin === undefined) throw at(text, token, `there is no section to close: ${excerpt(text, token.start)}`)
      if (begin.value !== token.value) throw at(text, begin, `the section is not closed: ${excerpt(text, begin.start)}`)
      paths.set(token, paths.get(begin) ?? null)
    }
  }
  const last = open.pop()
  if (last !== undefined) throw at(text, last, `the section is not closed: ${excerpt(text, last.start)}`)
}

const at = (text: string, token: Token, detail: string): TemplateInvalid => new TemplateInvalid(detail, { text, offset: token.start })

const nest = (tokens: readonly Token[], paths: ReadonlyMap<Token, readonly string[] | null>, text: string): Node[] => {
  const open: Open[] = []
  let nodes: Node[] = []
  let kept = ''
  const flush = (): void => {
    if (kept !== '') nodes.push({ kind: 'text', text: kept })
    kept = ''
  }
  for (const token of tokens) {
    const path = paths.get(token)
    if (token.kind === 'text' || path === null) kept += text.slice(token.start, token.end)
    else if (token.kind === '#' || token.kind === '^') {
      flush()
      open.push({ token, path: path ?? [], nodes: [], before: nodes })
      nodes = open.at(-1)?.nodes ?? nodes
    } else if (token.kind === '/') {
      flush()
      const section = open.pop()
      if (section === undefined) continue
      nodes = section.before
      nodes.push({ kind: 'section', path: section.path ?? [], inverted: section.token.kind === '^', nodes: section.nodes })
    } else if (path !== undefined) {
      flush()
      nodes.push({ kind: 'value', path })
    } else if (token.kind === '>') {
      flush()
      nodes.push({ kind: 'include', ref: parseReference(token.value, { text, offset: token.start }), indent: token.indent })
    }
  }
  flush()
  return nodes
}
