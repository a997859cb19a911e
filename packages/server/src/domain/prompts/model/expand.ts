import { isDeepStrictEqual } from 'node:util'
import type { Composition, Part } from './composition.ts'
import { isTextPart } from './content.ts'
import type { Content } from './shapes.ts'
import { formatReference, TemplateInvalid } from './templates/index.ts'
import { scan, type Token } from './templates/mustache/scan.ts'
import { type Node, parseTree } from './templates/mustache/tree.ts'
import { parseReference } from './templates/reference.ts'

/** An expansion larger than this, in characters or in includes, is not worth serving. */
const maxCharacters = 1024 * 1024
const maxIncludes = 10_000

/** Why a content cannot be expanded: never told, the answer is served without it. */
class NotExpandable extends Error {}
type Budget = { characters: number; includes: number }

/**
 * The content of a composition with all that it includes written out, so that whoever fills it needs nothing else:
 * filling it gives what `renderComposition` gives.
 * @returns undefined without includes, and where text alone cannot say it: other engines than mustache, changed
 * delimiters, or texts that would grow together into other tags
 */
export function expandContent(composition: Composition): Content | undefined {
  const { root, parts } = composition
  if (parts.size === 1 || [...parts.values()].some((part) => !isPlain(part))) return undefined
  const budget = { characters: maxCharacters, includes: maxIncludes }
  const expand = (text: string) => checked(composition, text, budget)
  try {
    const { content } = root.compiled.body
    if (typeof content === 'string') return expand(content)
    return content.map((message) => {
      if ('content' in message) return { ...message, content: expand(message.content) }
      if ('parts' in message)
        return { ...message, parts: message.parts.map((part) => (isTextPart(part) ? { ...part, text: expand(part.text) } : part)) }
      return message
    })
  } catch (error) {
    if (error instanceof NotExpandable || error instanceof TemplateInvalid) return undefined
    throw error
  }
}

/** Mustache with its own delimiters, or a text without braces that could be taken for tags. */
function isPlain({ compiled: { body } }: Part): boolean {
  const text = typeof body.content === 'string' ? body.content : JSON.stringify(body.content)
  return body.engine === 'mustache' ? !/\{\{\s*=/.test(text) : body.engine === 'none' && !text.includes('{{')
}

/** The expanded text, if it reads as the very template that rendering would walk. */
function checked(composition: Composition, text: string, budget: Budget): string {
  const expanded = written(composition, composition.root, text, budget)
  if (!isDeepStrictEqual(merged(parseTree(expanded)), merged(spliced(composition, composition.root, text)))) throw new NotExpandable()
  return expanded
}

function included({ parts }: Composition, from: Part, reference: string): { part: Part; text: string } {
  const key = from.links.get(reference)
  const part = key === undefined ? undefined : parts.get(key)
  if (typeof part?.compiled.body.content !== 'string') throw new NotExpandable()
  return { part, text: part.compiled.body.content }
}

function written(composition: Composition, from: Part, text: string, budget: Budget): string {
  budget.characters -= text.length
  let output = ''
  let at = 0
  for (const token of scan(text)) {
    if (token.kind !== '>') continue
    if (--budget.includes < 0 || budget.characters < 0) throw new NotExpandable()
    const { start, end, indent } = placeOf(token, text)
    const { part, text: inner } = included(composition, from, formatReference(parseReference(token.value)))
    output += text.slice(at, start) + written(composition, part, indented(inner, indent), budget)
    at = end
  }
  return output + text.slice(at)
}

/** What an include takes the place of: when it stands alone on its line, the line with its break; its indentation then applies to each line. */
function placeOf({ start, end }: Token, text: string): { start: number; end: number; indent: string } {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1
  const lineBreak = text.indexOf('\n', end)
  const lineEnd = lineBreak === -1 ? text.length : lineBreak + 1
  const before = text.slice(lineStart, start)
  if ((start > 0 && before.trim() !== '') || text.slice(end, lineEnd).trim() !== '') return { start, end, indent: '' }
  return { start: lineStart, end: lineEnd, indent: before.replace(/[^ \t]/g, '') }
}

const indented = (text: string, prefix: string): string =>
  prefix === '' ? text : text.replace(/(^|\n)(?=[^\n])/g, (start) => start + prefix)

/** The tree that rendering walks: the nodes of what is included in place of the include. */
function spliced(composition: Composition, from: Part, text: string): Node[] {
  const splice = (nodes: readonly Node[]): Node[] =>
    nodes.flatMap((node): Node[] => {
      if (node.kind === 'section') return [{ ...node, nodes: splice(node.nodes) }]
      if (node.kind !== 'include') return [node]
      const { part, text: inner } = included(composition, from, formatReference(node.ref))
      return spliced(composition, part, indented(inner, node.indent))
    })
  return splice(treeOf(from, text))
}

const treeOf = ({ compiled }: Part, text: string): readonly Node[] =>
  compiled.body.engine === 'none' ? [{ kind: 'text', text }] : parseTree(text)

/** The same tree with neighbouring texts as one. */
function merged(nodes: readonly Node[]): Node[] {
  const result: Node[] = []
  for (const node of nodes) {
    const last = result.at(-1)
    if (node.kind === 'section') result.push({ ...node, nodes: merged(node.nodes) })
    else if (node.kind !== 'text' || last?.kind !== 'text') result.push(node)
    else result[result.length - 1] = { kind: 'text', text: last.text + node.text }
  }
  return result.filter((node) => node.kind !== 'text' || node.text !== '')
}
